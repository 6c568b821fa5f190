import type { PairPlace } from '../../../src/lab/traffic/index.js';
import type { QueuePlan } from '../../../src/queues/index.js';

/** What a thread of the measurement is told first. */
export interface ThreadData {
  readonly plan: QueuePlan;
  /** Its number, where it serves queues; undefined where it only drives them. */
  readonly thread: number | undefined;
}

/** What it is told when the cards are up: the pair of each card that it drives. */
export interface Job {
  readonly pair: number;
  readonly memories: readonly SharedArrayBuffer[];
  readonly places: readonly PairPlace[];
  /** Frames that were received, to be counted here; 128 bytes for each pair, and one word behind all that ends it. */
  readonly counts: SharedArrayBuffer;
}

export const countWords = 32;
