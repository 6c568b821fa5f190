import type { DataPathState } from '../net/dataPath.js';
import { copyCounters } from '../net/state.js';
import type { LaneCounters } from '../net/link/counters.js';
import type { StatisticsState } from '../net/statistics.js';
import type { CardPlan } from './plan.js';

/** What a thread counted, by pair; only of its own pairs it says something. */
export interface Counts extends Pick<StatisticsState, 'receive' | 'transmit'> {
  counters: LaneCounters[];
}

/** What the control thread keeps of a card's data path. */
type Kept = Omit<DataPathState, 'held' | 'unshown'>;

/** What a pair sent while the card was connected to nothing: its thread counts it as sent. */
export interface Unconnected {
  frames: number;
  bytes: number;
}

/** A pair's counters from those of its thread, which knows nothing of what was lost. */
export function withLost(counters: LaneCounters, { frames, bytes }: Unconnected): LaneCounters {
  const all = copyCounters(counters);
  if (frames === 0) return all;
  all.txFrames -= frames;
  all.txBytes -= bytes;
  all.dropped.unconnected = (all.dropped.unconnected ?? 0) + frames;
  return all;
}

/** The state of a card's data path, from what its threads say of their pairs. */
export function mergeStates({ servers }: CardPlan, all: readonly DataPathState[], kept: Kept): DataPathState {
  const byPair = <T>(of: (state: DataPathState) => readonly T[]): T[] =>
    servers.map((server, pair) => of(all[server])[pair]);
  const waiting = all.flatMap((state, thread) =>
    state.coalescing.waiting.filter(({ queue }) => servers[queue >>> 1] === thread),
  );
  return {
    ...kept,
    held: byPair(({ held }) => held),
    unshown: byPair(({ unshown }) => unshown),
    coalescing: { ...kept.coalescing, waiting },
  };
}

/** The part of a saved state that one thread goes on with. */
export function stateFor({ servers }: CardPlan, thread: number, state: DataPathState): DataPathState {
  const own = (pair: number): boolean => servers[pair] === thread;
  return {
    ...state,
    held: state.held.map((held, pair) => (own(pair) ? held : [])),
    unshown: state.unshown.map((count, pair) => (own(pair) ? count : 0)),
    coalescing: {
      ...state.coalescing,
      waiting: state.coalescing.waiting.filter(({ queue }) => own(queue >>> 1)),
    },
    // All threads share the flows, and the control thread fills them in.
    multiqueue: { ...state.multiqueue, flows: [] },
  };
}
