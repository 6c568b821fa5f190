import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { UserError } from '../../vm/errors.js';
import { qemuOn, type QemuOptions } from './qemu.node.js';
import { acceptOne } from './qtest.node.js';
import { StreamWire } from './streamWire.node.js';
import type { Target } from './target.js';

/**
 * Two taps on a bridge, in a network namespace that ends with QEMU: the card's, with a queue for each pair, and another
 * that QEMU joins to its stream socket. So the kernel does for the wire's end what the card leaves to its receiver:
 * checksums, segments.
 */
const network = `
set -e
ip link set lo up
ip tuntap add dev card0 mode tap multi_queue
ip tuntap add dev wire0 mode tap
ip link add bridge0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0
ip link set card0 master bridge0 addrgenmode none up
ip link set wire0 master bridge0 addrgenmode none up
ip link set bridge0 addrgenmode none up
exec "$@"
`;

export interface QemuTapOptions extends QemuOptions {
  /** Queue pairs; 4 when left out. */
  readonly pairs?: number;
}

/**
 * A QEMU whose card is on a multiqueue tap, with the offloads that a tap makes possible. It needs the rights to make a
 * network namespace and a tap in it: root's, or those of a user namespace.
 * @throws UserError when QEMU is not installed, or the network can't be made; the message tells what the system said
 */
export async function qemuTap(options: QemuTapOptions = {}): Promise<Target> {
  const { pairs = 4, properties, ...rest } = options;
  await checkTapNetwork();
  const folder = await mkdtemp(join(tmpdir(), 'vmq-tap-'));
  const path = join(folder, 'frames');
  const accepted = await acceptOne(path);
  const sockets: Socket[] = [];
  return qemuOn(
    {
      netdevs: [
        `tap,id=net0,ifname=card0,queues=${pairs},script=no,downscript=no,vhost=off`,
        'tap,id=wire0,ifname=wire0,script=no,downscript=no,vhost=off,vnet_hdr=off',
        `stream,id=wire1,server=off,addr.type=unix,addr.path=${path}`,
        'hubport,id=port0,hubid=0,netdev=wire0',
        'hubport,id=port1,hubid=0,netdev=wire1',
      ],
      wire: accepted.socket.then((socket) => {
        sockets.push(socket);
        return new StreamWire(socket);
      }),
      close: async () => {
        for (const socket of sockets) socket.destroy();
        accepted.server.close();
        await rm(folder, { recursive: true, force: true });
      },
    },
    { ...rest, properties: { mq: pairs > 1, vectors: 2 * pairs + 2, ...properties } },
    launcher(),
  );
}

/** The command that makes the network and runs the command behind it there. */
function launcher(): string[] {
  const rights = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return ['unshare', ...rights, '--net', 'sh', '-c', network, 'sh'];
}

/**
 * Makes the network once, for nothing.
 * @throws UserError when it can't be made here
 */
export async function checkTapNetwork(): Promise<void> {
  const [command, ...rest] = [...launcher(), 'true'];
  const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const done = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      said += error.message;
      resolve(false);
    });
    child.once('close', (code) => resolve(code === 0));
  });
  if (done) return;
  const reason = said.trim().split('\n').at(-1) ?? '';
  throw new UserError(
    `No network namespace with taps can be made here (${reason}): it needs iproute2, util-linux, /dev/net/tun and root's rights, or those of a user namespace.`,
  );
}
