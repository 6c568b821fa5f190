import type { Clock } from '../virtio/clock.js';
import type { NetDevice } from '../net/index.js';
import { planCards, QueueThreads, type QueueCardOptions } from './queueThreads.js';
import { spawnQueueWorkers } from './spawn.node.js';

export * from './index.js';
export { spawnQueueWorkers, type QueueWorkers } from './spawn.node.js';

/** Cards whose pairs are served by workers. */
export interface WorkerCards {
  /** As they were given. To be plugged into machines with the memory that was given with them. */
  readonly devices: readonly NetDevice[];
  readonly threads: QueueThreads;
  /** Ends the workers; the cards are of no use afterwards. */
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
  const { calls, ended } = spawnQueueWorkers(plan, (thread) => threads.rung(thread), script);
  const threads = new QueueThreads(clock, plan, cards, calls);
  return {
    devices: threads.devices,
    threads,
    close: () => {
      threads.end();
      return ended();
    },
  };
}
