import { readFileSync } from 'node:fs';

import { exposeHost } from '../../src/vm/worker/expose.node.js';
import { WorkerHost } from '../../src/vm/index.js';

/** A guest's worker that tells where it may run, and breaks when it is asked to. */
export class BreakableHost extends WorkerHost {
  /** What Linux says of this thread. */
  threadStatus(): string {
    return readFileSync('/proc/thread-self/status', 'utf8');
  }

  breakSoon(): void {
    setTimeout(() => {
      throw new Error('broken');
    });
  }
}

exposeHost(BreakableHost);
