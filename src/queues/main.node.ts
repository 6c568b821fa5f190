// The global of this name looks itself up for each use, and it is used for each burst of packets.
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';

import { Answerer } from './mailbox.js';
import type { QueuePlan } from './plan.js';
import { QueueService } from './queueService.js';

/** What a worker that serves queues runs in Node. */
const { plan, thread } = workerData as { plan: QueuePlan; thread: number };
try {
  new QueueService(
    plan,
    thread,
    () => performance.now(),
    () => parentPort!.postMessage(0),
  ).run();
} catch (error) {
  new Answerer(plan.mailboxes[thread]).die(error);
  throw error;
}
