/**
 * Cards whose pairs are served by threads of their own, as a host kernel has a thread for each pair of a card. The control
 * thread has the cards (`QueueThreads`): configuration, control queue, status. Each thread serves some pairs of each card
 * (`QueueService`), in guest memory that all share. `startQueueWorkers` of `index.node.ts` has workers for threads.
 */
export { Doorbells } from './doorbells.js';
export { LoopClock } from './loopClock.js';
export { Caller, ThreadFailure, type Call } from './mailbox.js';
export type { CardPlan, QueuePlan } from './plan.js';
export { QueueService } from './queueService.js';
export { planCards, QueueThreads, type QueueCardOptions } from './queueThreads.js';
