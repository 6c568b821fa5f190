import type { Sample } from '../results.js';
import type { Suite } from '../suite.js';
import { output, type Interface, type Link } from './machine.js';
import { peersNamed } from './peers.js';
import { generate } from './pktgen.js';
import type { ThreadUse } from './probe.js';
import { measureRounds, type Measure } from './rounds.js';
import { transfer } from './transfer.js';

const ours = ['virtio-mq', 'virtio-mq-workers'];
const peers = [...ours, 'v86-virtio', 'qemu-tap'];

/** What the guests do meanwhile. */
interface Load {
  readonly name: string;
  readonly tcp?: true;
  readonly run: (link: Link, seconds: number) => Promise<unknown>;
}

const loads: readonly Load[] = [
  { name: 'cost-tcp', tcp: true, run: (link, seconds) => transfer(link, { seconds, streams: 1 }) },
  { name: 'cost-pktgen', run: (link, seconds) => generate(link, 1, seconds) },
];

const measures = loads.map(({ name, tcp, run }): Measure => ({
  name,
  tcp,
  take: (link, seconds) => take(name, link, () => run(link, seconds)),
}));

/** What a frame costs besides time. */
export const cost: Suite = {
  name: 'cost',
  help: 'interrupts and notifications for each frame, the share of each layer in a profile, garbage collections',
  peers,
  measures: loads.map(({ name }) => name),
  seconds: 3,
  run: (context) => measureRounds(context, { peers: peersNamed(peers), measures, ours }),
};

/** Counts while nobody looks, as of all peers; a profiler makes guests slower. Then the same again, watched. */
async function take(name: string, link: Link, load: () => Promise<unknown>): Promise<Sample[]> {
  const { frames, interrupts, notifications } = await counted(link, load);
  const perFrame = (kind: string, count: number): Sample => ({
    measure: `${name}-${kind}`,
    unit: 'per frame',
    value: count / frames,
  });
  return [
    perFrame('interrupts', interrupts),
    ...(link.notifications ? [perFrame('notifications', notifications)] : []),
    ...(await watched(name, link, load)),
  ];
}

async function watched(name: string, { watch, ...link }: Link, load: () => Promise<unknown>): Promise<Sample[]> {
  if (!watch) return [];
  let threads: ThreadUse[] = [];
  const { frames } = await counted(link, async () => {
    threads = await watch(load);
  });
  return threadSamples(name, threads, frames);
}

async function counted(link: Link, load: () => Promise<unknown>): Promise<Counts> {
  const before = await counts(link);
  await load();
  const after = await counts(link);
  return {
    frames: after.frames - before.frames,
    interrupts: after.interrupts - before.interrupts,
    notifications: after.notifications - before.notifications,
  };
}

interface Counts {
  /** That both ends sent and received. */
  readonly frames: number;
  readonly interrupts: number;
  readonly notifications: number;
}

async function counts(link: Link): Promise<Counts> {
  const sum = async (of: (end: Interface) => Promise<number>): Promise<number> =>
    (await Promise.all(link.interfaces.map(of))).reduce((total, count) => total + count, 0);
  return {
    frames: await sum(async ({ machine, name }) => {
      const text = await output(machine, `cd /sys/class/net/${name}/statistics && cat rx_packets tx_packets`);
      return text
        .trim()
        .split('\n')
        .reduce((total, count) => total + Number(count), 0);
    }),
    interrupts: await sum(async ({ machine }) => readInterrupts(await output(machine, 'cat /proc/interrupts'))),
    notifications: (await link.notifications?.()) ?? 0,
  };
}

/** The interrupts of virtio's cards in /proc/interrupts of a guest with one processor. */
export function readInterrupts(text: string): number {
  return [...text.matchAll(/^ *\d+: +(\d+) .*\bvirtio\d/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Where time may go: the house's layers, and what is not ours. */
const houseLayers = ['virtio', 'pci', 'net', 'fabric', 'hosts', 'vm'];
const others = ['guest', 'v86', 'node', 'native', 'garbage collector'];

/** Where the threads' busy time went, in hundredths, and what their garbage collectors did for a million frames. */
export function threadSamples(name: string, threads: readonly ThreadUse[], frames: number): Sample[] {
  if (threads.length === 0) return [];
  const times = Object.fromEntries([...houseLayers, ...others].map((layer) => [layer, 0]));
  for (const { microseconds } of threads) {
    for (const [layer, time] of Object.entries(microseconds)) times[layer] = (times[layer] ?? 0) + time;
  }
  const busy = Object.values(times).reduce((sum, time) => sum + time, 0);
  const shares = { ...times, ours: houseLayers.reduce((sum, layer) => sum + times[layer], 0) };
  const million = 1e6 / frames;
  const sum = (of: (thread: ThreadUse) => number): number => threads.reduce((total, thread) => total + of(thread), 0);
  return [
    ...Object.entries(shares).map(([layer, time]) => ({
      measure: `${name}-share`,
      part: layer,
      unit: '%',
      value: (time / busy) * 100,
    })),
    { measure: `${name}-collections`, unit: 'per million frames', value: sum((one) => one.collections) * million },
    {
      measure: `${name}-collection-time`,
      unit: 'ms per million frames',
      value: sum((one) => one.collectionTime) * million,
    },
  ];
}
