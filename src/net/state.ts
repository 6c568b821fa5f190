import type { CoalescingState } from './coalescing.js';
import type { NetConfigState } from './config.js';
import type { FilterState } from './filter.js';
import type { LaneCounters } from './link/counters.js';
import type { StatisticsState } from './statistics.js';
import type { MultiqueueState } from './multiqueue.js';
import type { SuspensionState } from './suspension.js';
import type { HeldState } from './transmit.js';

export const stateVersion = 2;

/** Everything that the card keeps beside its queues, as one plain object. */
export interface NetDeviceState {
  version: number;
  multiqueue: MultiqueueState;
  config: NetConfigState;
  filter: FilterState;
  /** By pair. */
  counters: LaneCounters[];
  /** By pair: the packets that were taken to transmit, but found no room yet. */
  held: HeldState[][];
  /** By pair: how many packets were received that the driver can't see yet. */
  unshown: number[];
  coalescing: CoalescingState;
  statistics: StatisticsState;
  /** The driver broke a rule and has not reset the card since. */
  failed: boolean;
  /** The driver has the card stand still; absent where not. */
  suspended?: SuspensionState | undefined;
  /** The offloads of packets received that the driver turned on last, as hexadecimal feature bits; absent where it never did. */
  guestOffloads?: string | undefined;
}

/** @throws RangeError when the state is of another version or of a card with another number of pairs */
export function readNetState(state: NetDeviceState, queuePairs: number): NetDeviceState {
  if (state.version !== stateVersion || state.counters.length !== queuePairs) {
    throw new RangeError(`the saved state is not that of a card of version ${stateVersion} with ${queuePairs} pairs`);
  }
  return state;
}

export function copyCounters(counters: LaneCounters): LaneCounters {
  return { ...counters, dropped: { ...counters.dropped }, filtered: { ...counters.filtered } };
}
