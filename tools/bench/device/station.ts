import { PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';

import type { Slice, StationData } from './stations.js';
import { workOf } from './works.js';

const data = workerData as StationData;
const work = await workOf(data.worker, data);
/** Bursts between two looks at the clock: some tens of microseconds. */
const batch = Math.max(1, Math.ceil((data.bytes > 4096 ? 16 : 256) / data.burst));

let collections = 0;
new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ['gc'] });

/** Tells of what was collected, which it only does in between. */
function observed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

async function slice(seconds: number): Promise<Slice> {
  await observed();
  const before = { collections, notifications: work.notifications(), interrupts: work.interrupts() };
  const used = getHeapStatistics().used_heap_size;
  const start = performance.now();
  const end = start + 1000 * seconds;
  let frames = 0;
  let now = start;
  while (now < end) {
    frames += work.bursts(batch);
    now = performance.now();
  }
  const allocated = getHeapStatistics().used_heap_size - used;
  await observed();
  return {
    frames,
    seconds: (now - start) / 1000,
    allocated,
    collections: collections - before.collections,
    notifications: work.notifications() - before.notifications,
    interrupts: work.interrupts() - before.interrupts,
  };
}

parentPort!.on('message', (seconds: number) => {
  void slice(seconds).then((answer) => parentPort!.postMessage(answer));
});
parentPort!.postMessage('ready');
