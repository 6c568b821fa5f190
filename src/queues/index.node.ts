import type { Clock } from '../virtio/clock.js';
import type { NetDevice } from '../net/index.js';
import type { ThreadFailure } from './mailbox.js';
import { planCards, QueueThreads, type QueueCardOptions } from './queueThreads.js';
import { spawnQueueWorkers } from './spawn.node.js';

export * from './index.js';
export { spawnQueueWorkers, type QueueWorkers } from './spawn.node.js';

/** Cards whose pairs are served by workers. */
export interface WorkerCards {
  /** As they were given. To be plugged into machines with the memory that was given with them. */
  readonly devices: readonly NetDevice[];
  /** To save machines with these cards, do so in its `whileStill`. */
  readonly threads: QueueThreads;
  /** Fulfilled when a worker fails; its pairs stand still then, and whoever uses its cards is told why. */
  readonly failed: Promise<ThreadFailure>;
  /** Ends the workers; the cards are of no use afterwards. Rejected, when all have ended, where one had failed. */
  close(): Promise<void>;
}

/**
 * Starts workers that serve the pairs of cards, in Node.
 * @param count of workers, at least 1
 * @param clock of this thread
 * @throws RangeError for an option out of its range, or a worker or a card that there is not
 */
export function startQueueWorkers(
  count: number,
  cards: readonly QueueCardOptions[],
  clock: Clock,
  script?: URL,
): WorkerCards {
  const plan = planCards(count, cards);
  const { calls, failed, ended } = spawnQueueWorkers(plan, (thread) => threads.rung(thread), script);
  const threads = new QueueThreads(clock, plan, cards, calls);
  return {
    devices: threads.devices,
    threads,
    failed,
    close: async () => {
      try {
        threads.end();
      } finally {
        await ended();
      }
    },
  };
}
