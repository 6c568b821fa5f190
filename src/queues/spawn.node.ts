import { Worker } from 'node:worker_threads';

import { Sleeper } from '../fabric/index.js';
import { Caller, ThreadFailure, type Call } from './mailbox.js';
import type { QueuePlan } from './plan.js';

/** Workers that serve queues, each a thread of a plan. */
export interface QueueWorkers {
  /** By thread: asks it. */
  readonly calls: readonly Call[];
  /** Fulfilled when one fails; its pairs stand still then, and whoever asks it for something is told why. */
  readonly failed: Promise<ThreadFailure>;
  /** To be called when they were told to end: waits for that, and ends those that failed. Rejected where one has. */
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
    const exit = new Promise<number>((resolve) => worker.once('exit', resolve));
    const failed = new Promise<ThreadFailure>((resolve) => {
      const fail = (failure: ThreadFailure): void => resolve((caller.failure ??= failure));
      worker.on('error', (cause) => fail(new ThreadFailure(`failed: ${cause.message}`, { cause })));
      void exit.then((code) => {
        if (code !== 0) fail(new ThreadFailure(`ended with code ${code}`));
      });
    });
    worker.on('message', () => rung(thread));
    return { worker, caller, exit, failed };
  });
  return {
    calls: workers.map(
      ({ caller }): Call =>
        (method, args) =>
          caller.call(method, args),
    ),
    failed: Promise.race(workers.map(({ failed }) => failed)),
    ended: async () => {
      await Promise.all(workers.map(({ worker, caller, exit }) => (caller.failure ? worker.terminate() : exit)));
      const failure = workers.find(({ caller }) => caller.failure)?.caller.failure;
      if (failure) throw failure;
    },
  };
}
