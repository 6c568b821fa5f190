import { Worker } from 'node:worker_threads';

import type { GuestWorker } from './guest.js';

/** Starts a worker for a guest, in Node. @param script what it runs; the package's own when left out */
export function spawnWorker(script: URL = new URL('./vm.worker.js', import.meta.url)): GuestWorker {
  const { port1, port2 } = new MessageChannel();
  // The types of Node and of the DOM differ about what can be transferred.
  const worker = new Worker(script, { workerData: { port: port2 }, transferList: [port2 as never] });
  return {
    endpoint: port1,
    terminate: () => {
      port1.close();
      void worker.terminate();
    },
    failed: new Promise((resolve) => worker.once('error', resolve)),
  };
}
