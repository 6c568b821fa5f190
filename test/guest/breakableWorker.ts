import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

import { WorkerHost } from '../../src/vm/index.js';

/** A guest's worker that breaks when it is asked to. */
export class BreakableHost extends WorkerHost {
  breakSoon(): void {
    setTimeout(() => {
      throw new Error('broken');
    });
  }
}

Comlink.expose(BreakableHost, (workerData as { port: MessagePort }).port);
