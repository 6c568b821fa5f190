import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { Sleeper } from '../fabric/index.js';
import { Caller, type Call } from './mailbox.js';
import type { QueuePlan } from './plan.js';

/** Workers that serve queues, each a thread of a plan. */
export interface QueueWorkers {
  /** By thread: asks it. */
  readonly calls: readonly Call[];
  /** To be called when they were told to end. */
  readonly ended: () => Promise<void>;
}

/**
 * Starts a worker for each thread of a plan, in Node.
 * @param rung told that a thread has something for the control thread
 * @param script what they run; the package's own when left out
 */
export function spawnQueueWorkers(
  plan: QueuePlan,
  rung: (thread: number) => void,
  script: URL = new URL('./queues.worker.js', import.meta.url),
): QueueWorkers {
  const workers = plan.mailboxes.map((mailbox, thread) => {
    const worker = new Worker(script, { workerData: { plan, thread } });
    const caller = new Caller(mailbox, new Sleeper(plan.asleep[thread]));
    const exit = once(worker, 'exit');
    let failure: Error | undefined;
    worker.on('error', (error) => (failure = error));
    worker.on('message', () => rung(thread));
    const call: Call = (method, args) => {
      if (failure) throw failure;
      return caller.call(method, args);
    };
    return { call, exit };
  });
  return {
    calls: workers.map(({ call }) => call),
    ended: async () => {
      await Promise.all(workers.map(({ exit }) => exit));
    },
  };
}
