import { workerData } from 'node:worker_threads';

import { PairService } from '../../src/net/pairService.js';
import type { QueuePlan } from '../../src/queues/index.js';

/**
 * Serves queues as workers do, but for a mistake in what is run for transmit queue 1. A worker that ends in good order says
 * so in the last words of guest memory.
 */
const { plan, thread } = workerData as { plan: QueuePlan; thread: number };
const { value } = Object.getOwnPropertyDescriptor(PairService.prototype, 'notify') as { value: PairService['notify'] };
PairService.prototype.notify = function (this: PairService, index, queue, byDriver) {
  if (index === 1) throw new Error('a mistake');
  value.call(this, index, queue, byDriver);
};
await import('../../src/queues/main.node.js');
const words = new Int32Array(plan.cards[0].memory);
Atomics.store(words, words.length - 1 - thread, 1);
