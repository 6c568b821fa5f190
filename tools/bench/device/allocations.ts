import { placeText } from '../report.js';
import { Results } from '../results.js';
import type { Suite, SuiteContext, SuiteResult } from '../suite.js';
import { startStation, type Station } from './stations.js';
import type { Worker } from './works.js';

/** Frames of these sizes, and so many of them with one notification. */
const cells = [
  { bytes: 64, burst: 32 },
  { bytes: 64, burst: 1 },
  { bytes: 1500, burst: 32 },
  { bytes: 65536, burst: 16 },
] as const;
/** The cell that counts for what the project has to show. */
const shownAt = cells[0];

const peers = (['virtio-mq-bare', 'virtio-mq-packed', 'v86-virtio'] as const).map((name) => ({ name }));
const warmUpSeconds = 2;
/** Enough for what a slice allocates, so that nothing is collected in it and the heap's growth is all of it. */
const youngMiB = 512;
/** After a slice in which all the same something was collected comes a shorter one, this often and as short as this, in seconds. */
const attempts = 30;
const leastSeconds = 0.002;

const names = ['bytes-per-frame', 'collections', 'notifications-per-frame', 'interrupts-per-frame'] as const;

export const allocations: Suite = {
  name: 'allocations',
  help: 'bytes allocated for a frame, collections of garbage, notifications and interrupts, of the card alone',
  peers: peers.map(({ name }) => name),
  measures: [...names],
  seconds: 1,
  run: measure,
};

async function measure(context: SuiteContext): Promise<SuiteResult> {
  const results = new Results();
  for (const at of cells) {
    for (const { name } of context.chosen(peers)) await measurePeer(name, at, context, results);
  }
  const values = results.values('bytes-per-frame', 'virtio-mq-bare', shownAt);
  return { measures: results.measures(), shown: [{ target: 'bytes-per-frame', values }] };
}

async function measurePeer(
  peer: Worker,
  at: (typeof cells)[number],
  { runs, seconds, progress }: SuiteContext,
  results: Results,
): Promise<void> {
  const work = { worker: peer, mode: 'loop', interrupts: true, ...at } as const;
  const roomy = await startStation(work, youngMiB);
  const ordinary = await startStation(work);
  try {
    for (const station of [roomy, ordinary]) await station.slice(warmUpSeconds);
    for (let run = 1; run <= runs; run++) {
      const perFrame = await allocatedPerFrame(roomy, seconds);
      const { frames, collections, notifications, interrupts } = await ordinary.slice(seconds);
      const values = {
        'bytes-per-frame': { unit: 'bytes', value: perFrame },
        collections: { unit: 'per Mframes', value: (1e6 * collections) / frames },
        'notifications-per-frame': { unit: '', value: notifications / frames },
        'interrupts-per-frame': { unit: '', value: interrupts / frames },
      };
      for (const measure of names) {
        const { unit, value } = values[measure];
        if (!Number.isNaN(value)) results.add(peer, { measure, at, unit, value });
      }
      progress(`run ${run} of ${runs}: ${placeText(at).slice(2)} ${peer}: ${perFrame.toFixed(3)} bytes per frame`);
    }
  } finally {
    await roomy.close();
    await ordinary.close();
  }
}

/** @throws Error where garbage is collected however short a slice is */
async function allocatedPerFrame(station: Station, seconds: number): Promise<number> {
  let length = seconds;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { frames, collections, allocated } = await station.slice(length);
    if (collections === 0 && allocated >= 0) return allocated / frames;
    // What is collected in steps, as the buffers outside the heap that v86's card makes are, has an end, but no soon one.
    length = Math.max(length / 4, leastSeconds);
  }
  throw new Error('garbage was collected in each slice, so that nobody knows how much was allocated');
}
