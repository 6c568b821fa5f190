import { Worker } from 'node:worker_threads';

import type { GuestWorker } from './guest.js';
import type { Place } from './processors.node.js';

const itself: Place = { index: 0, count: 1 };

/**
 * Starts a worker for a guest, in Node.
 * @param script what it runs; the package's own when left out
 * @param place which it is of how many, that they share the processors; left out, it has all
 */
export function spawnWorker(script = new URL('./vm.worker.js', import.meta.url), place = itself): GuestWorker {
  const { port1, port2 } = new MessageChannel();
  // The types of Node and of the DOM differ about what can be transferred.
  const worker = new Worker(script, { workerData: { port: port2, place }, transferList: [port2 as never] });
  return {
    endpoint: port1,
    terminate: () => {
      port1.close();
      void worker.terminate();
    },
    failed: new Promise((resolve) => worker.once('error', resolve)),
  };
}
