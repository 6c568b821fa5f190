import type { LinkConditions } from '../../fabric/index.js';
import type { DriverReport } from '../../lab/checker/index.js';
import type { FaultCount, FaultPlan } from '../../lab/faults/index.js';
import type { LaneCounters } from '../../net/index.js';
import type { CardUse, WorkerCardOptions } from '../../vm/index.js';
import type { NegotiatedReport } from '../negotiated.js';
import type { FaultEntry } from './faultLog.js';

/** A card that a guest is to have, and what is to be around it. All of it is plain data, for the thread that it is in. */
export interface CardPlan {
  readonly card: WorkerCardOptions & { readonly name: string; readonly mac: string };
  /** What its link is like. */
  readonly conditions?: LinkConditions | undefined;
  /** How it misbehaves. */
  readonly faults?: readonly FaultPlan[] | undefined;
  /** Its driver is watched, for the statements of the specification that it breaks. */
  readonly checkDriver?: boolean | undefined;
}

/** What is known of a card, as plain data. */
export interface CardStatus extends CardUse, NegotiatedReport {
  readonly mac: string;
  /** What passed each queue pair; frames that the fabric dropped on their way are among those dropped. */
  readonly lanes: readonly LaneCounters[];
  /** The rules that its driver broke. */
  readonly faults: readonly FaultEntry[];
  /** The faults of the card that were asked for, and how often each happened. */
  readonly injected: readonly FaultCount[];
  /** What its driver did, where it is watched. */
  readonly driver: DriverReport | undefined;
}

/** What the cards of a guest tell while they are at work. */
export interface CardEvents {
  /** A line for a person. */
  note(text: string): void;
  /** Queue pairs in use, of the card that was plugged in first. */
  pairs(count: number): void;
}

/** The cards of a guest, in whichever thread. */
export interface GuestCards {
  /** Answers the slot. */
  plug(plan: CardPlan): Promise<number>;
  status(slot: number): Promise<CardStatus>;
  /** Has the guest give it up. @throws Error called UnplugError when it does not */
  unplug(slot: number): Promise<void>;
}
