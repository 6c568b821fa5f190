import { exposeHost } from '../../src/vm/worker/expose.node.js';
import { WorkerHost } from '../../src/vm/index.js';

/** A guest's worker that breaks when it is asked to. */
export class BreakableHost extends WorkerHost {
  breakSoon(): void {
    setTimeout(() => {
      throw new Error('broken');
    });
  }
}

exposeHost(BreakableHost);
