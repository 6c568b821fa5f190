import { placeText } from '../report.js';
import { Results } from '../results.js';
import { median } from '../statistics.js';
import type { Skipped, Suite, SuiteContext, SuiteResult } from '../suite.js';
import { Dpdk, dpdkObstacle } from './dpdk.js';
import { startStation } from './stations.js';
import { modes, type Mode, type Worker } from './works.js';

/** Something that carries frames while somebody waits for a slice of it. */
interface Runner {
  /** Million frames a second. */
  rate(seconds: number): Promise<number>;
  close(): Promise<void>;
}

interface Peer {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly most: number;
  obstacle?(): Promise<string | undefined>;
  open(mode: Mode, bytes: number): Promise<Runner>;
}

const sizes = [64, 1500, 65536] as const;
/** Segments of this size are told as bandwidth. */
const large = 65536;
/** So many slices make a measurement, in turns with those of the other peers. */
const slices = 10;
const warmUpSeconds = 0.5;

/** As testpmd has it; of large frames fewer fit into the buffers. */
const burstOf = (bytes: number): number => (bytes === large ? 16 : 32);

async function station(worker: Worker, mode: Mode, bytes: number): Promise<Runner> {
  const started = await startStation({ worker, mode, bytes, burst: burstOf(bytes) });
  await started.slice(warmUpSeconds);
  return {
    rate: async (seconds) => {
      const done = await started.slice(seconds);
      return done.frames / done.seconds / 1e6;
    },
    close: () => started.close(),
  };
}

const peers: readonly Peer[] = [
  ...(['virtio-mq', 'virtio-mq-bare', 'virtio-mq-packed', 'v86-virtio'] as const).map((name) => ({
    name,
    modes,
    most: Infinity,
    open: (mode: Mode, bytes: number) => station(name, mode, bytes),
  })),
  { name: 'copy', modes: ['loop', 'receive'], most: Infinity, open: (mode, bytes) => station('copy', mode, bytes) },
  {
    name: 'dpdk-vhost',
    modes: ['loop'],
    most: 1500,
    obstacle: dpdkObstacle,
    open: async (_, bytes) => {
      const dpdk = await Dpdk.start(bytes);
      return { rate: (seconds) => dpdk.round(seconds), close: () => dpdk.close() };
    },
  },
];

/** The card alone, without a guest: the driver in TypeScript at its queues, in the same thread. */
export const device: Suite = {
  name: 'device',
  help: 'the card alone, driven in TypeScript: frames a second, and bytes a second of large ones',
  peers: peers.map(({ name }) => name),
  measures: modes.flatMap((mode) => [mode, `${mode}-bandwidth`]),
  seconds: 1,
  run: measure,
};

async function measure(context: SuiteContext): Promise<SuiteResult> {
  const results = new Results();
  const skipped: Skipped[] = [];
  const present: Peer[] = [];
  for (const peer of context.chosen(peers)) {
    const why = await peer.obstacle?.();
    if (why === undefined) present.push(peer);
    else skipped.push({ what: peer.name, why });
  }
  const cells = modes.flatMap((mode) =>
    sizes.map((bytes) => ({ mode, bytes, name: bytes === large ? `${mode}-bandwidth` : mode })),
  );
  for (const cell of context.chosen(cells)) await measureCell(cell, present, context, results);
  const at64 = { bytes: 64 };
  return {
    measures: results.measures(),
    shown: [
      { target: 'device-64-to-v86-virtio', values: results.ratios('loop', 'virtio-mq', 'v86-virtio', at64) },
      {
        target: 'device-64k-to-copy',
        values: results.ratios('loop-bandwidth', 'virtio-mq-bare', 'copy', { bytes: large }),
      },
    ],
    skipped,
  };
}

async function measureCell(
  { mode, bytes, name }: { readonly mode: Mode; readonly bytes: number; readonly name: string },
  present: readonly Peer[],
  { runs, seconds, progress }: SuiteContext,
  results: Results,
): Promise<void> {
  const fitting = present.filter((peer) => peer.modes.includes(mode) && bytes <= peer.most);
  const runners: { readonly peer: string; readonly runner: Runner }[] = [];
  try {
    for (const peer of fitting) runners.push({ peer: peer.name, runner: await peer.open(mode, bytes) });
    const place = { bytes };
    for (let run = 1; run <= runs; run++) {
      const rates = new Map(runners.map(({ peer }) => [peer, [] as number[]]));
      for (let slice = 0; slice < slices; slice++) {
        const order = slice % 2 === 0 ? runners : [...runners].reverse();
        for (const { peer, runner } of order) rates.get(peer)!.push(await runner.rate(seconds / slices));
      }
      for (const [peer, values] of rates) {
        const rate = median(values);
        const sample =
          bytes === large ? { unit: 'GB/s', value: (rate * bytes) / 1000 } : { unit: 'Mframes/s', value: rate };
        results.add(peer, { measure: name, at: place, ...sample });
        progress(`run ${run} of ${runs}: ${name}${placeText(place)} ${peer} ${sample.value.toFixed(3)} ${sample.unit}`);
      }
    }
  } finally {
    for (const { runner } of runners) await runner.close();
  }
}
