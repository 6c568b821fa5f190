import type { RunningGuest, StartOptions } from '../../vm/index.node.js';
import type { Backend } from '../backends.js';
import type { RunningCapture } from '../capture.js';
import type { CardEvents, GuestCards } from './plan.js';

/** A guest that runs, and its cards, in whichever thread. */
export interface Seat {
  readonly guest: RunningGuest;
  readonly cards: GuestCards;
}

/** How guests are started. */
export interface SeatOptions extends StartOptions {
  /** Queue pairs of each card. */
  readonly queuePairs: number;
  /** There are ways out of the process on `fabric`. */
  readonly hasPorts: boolean;
  /** Guests by their numbers. */
  readonly events: (guest: number) => CardEvents;
}

/** Where guests run: all in this thread, or each in a worker of its own. */
export interface Place {
  /** What ways out of the process are joined to. */
  readonly fabric: Backend;
  readonly capture: RunningCapture | undefined;
  /** Starts the guests, in the order of their numbers; see `startGuests`. */
  start(options: SeatOptions): Promise<Seat[]>;
}
