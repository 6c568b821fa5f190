import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkTapNetwork } from '../../../src/lab/targets/qemuTap.node.js';
import { buildGuestImage } from '../../../src/vm/index.node.js';
import { benchImage } from './image.js';
import { addressed, mtu, queuePairs } from './links.js';
import { useQueues, type Link } from './machine.js';
import { bootQemu, qemuProgram, type QemuGuestOptions, type QemuMachine } from './qemuGuest.js';

/** Why QEMU can't be measured here, or undefined when it can. */
export function qemuObstacle(): Promise<string | undefined> {
  try {
    execFileSync(qemuProgram, ['--version'], { stdio: 'ignore' });
    return Promise.resolve(undefined);
  } catch {
    return Promise.resolve(`${qemuProgram} is not installed (Debian's package qemu-system-x86)`);
  }
}

export async function qemuTapObstacle(): Promise<string | undefined> {
  const obstacle = await qemuObstacle();
  if (obstacle !== undefined) return obstacle;
  return checkTapNetwork().then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

/** Two QEMUs whose cards are joined by a socket: each frame is a write and a read, and has no offloads. */
export function startQemuSocket(): Promise<Link> {
  return startQemus(async (boot, folder) => {
    const address = `addr.type=unix,addr.path=${join(folder, 'frames')}`;
    // The server has to be there before the client.
    const first = await boot(0, { netdev: `stream,server=on,${address}`, card: '' });
    return [first, await boot(1, { netdev: `stream,server=off,${address}`, card: '' })];
  });
}

/** Two QEMUs, each on a tap with a queue for each pair, and Linux's bridge between them. */
export async function startQemuTap(): Promise<Link> {
  const network = await tapNetwork();
  const link = await startQemus(
    (boot) =>
      Promise.all(
        [0, 1].map((index) =>
          boot(index, {
            netdev: `tap,ifname=${taps[index]},queues=${queuePairs},script=no,downscript=no,vhost=off`,
            card: `mq=on,vectors=${2 * queuePairs + 2},`,
            launcher: network.launcher,
          }),
        ),
      ),
    network.close,
  );
  await useQueues(link, queuePairs);
  // One guest's packets are counted by their segments, the other's as it received them: the taps count what they drop.
  return { ...link, lost: network.drops };
}

type Boot = (index: number, options: Pick<QemuGuestOptions, 'netdev' | 'card' | 'launcher'>) => Promise<QemuMachine>;

async function startQemus(
  start: (boot: Boot, folder: string) => Promise<QemuMachine[]>,
  close: () => void = () => undefined,
): Promise<Link> {
  const folder = await mkdtemp(join(tmpdir(), 'vmq-bench-'));
  const started: QemuMachine[] = [];
  const image = await buildGuestImage(benchImage);
  const boot: Boot = async (index, { card, ...options }) => {
    const mac = `52:54:00:00:01:0${index + 1}`;
    const machine = await bootQemu({ image, folder, name: `guest${index}`, card: `${card}mac=${mac}`, ...options });
    started.push(machine);
    return machine;
  };
  const end = async (): Promise<void> => {
    await Promise.all(started.map((machine) => machine.stop()));
    close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const machines = await start(boot, folder);
    const link = await addressed(machines);
    const used = await cpuSeconds(machines);
    return { ...link, cpuSeconds: async () => (await cpuSeconds(machines)) - used, stop: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function cpuSeconds(machines: readonly QemuMachine[]): Promise<number> {
  const each = await Promise.all(machines.map((machine) => machine.cpuSeconds()));
  return each.reduce((sum, seconds) => sum + seconds, 0);
}

const taps = ['card0', 'card1'];

/** Keeps the namespace until its standard input ends, as it does when this process ends. */
const networkScript = `
set -e
ip link add bridge0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0
ip link set bridge0 addrgenmode none up
for tap in ${taps.join(' ')}; do
  ip tuntap add dev $tap mode tap multi_queue
  ip link set $tap master bridge0 mtu ${mtu} addrgenmode none up
done
echo ready
exec cat`;

interface TapNetwork {
  /** Runs a command in it. */
  readonly launcher: readonly string[];
  /** Frames that the taps dropped. */
  readonly drops: () => number;
  readonly close: () => void;
}

async function tapNetwork(): Promise<TapNetwork> {
  const isRoot = process.getuid?.() === 0;
  const rights = isRoot ? [] : ['--map-root-user'];
  const holder = spawn('unshare', [...rights, '--net', 'sh', '-c', networkScript], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [first] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])) as [unknown];
  if (String(first).trim() !== 'ready') throw new Error(`the network of taps could not be made: ${String(first)}`);
  const enter = isRoot ? [] : ['--user', '--preserve-credentials'];
  const launcher = ['nsenter', '--target', String(holder.pid), '--net', ...enter];
  return {
    launcher,
    drops: () => {
      const [command, ...args] = [...launcher, 'cat', '/proc/net/dev'];
      return readDrops(execFileSync(command, args, { encoding: 'utf8' }), taps);
    },
    close: () => holder.stdin.end(),
  };
}

/** The sum of what some interfaces dropped in either direction, from /proc/net/dev. */
export function readDrops(text: string, names: readonly string[]): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const [name, rest = ''] = line.trim().split(/:\s*/);
    const fields = rest.split(/\s+/).map(Number);
    if (names.includes(name)) sum += fields[3] + fields[11];
  }
  return sum;
}
