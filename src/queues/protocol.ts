import type { PathSettings } from '../net/dataPath.js';
import { DriverFault, type DriverRule } from '../virtio/rules.js';

/** What the driver commanded, and all else that the threads of a card's pairs have to know. */
export interface CardSettings extends PathSettings {
  readonly linkUp: boolean;
  readonly mac: readonly number[];
  /** By pair: its receive queue is enabled. */
  readonly receiving: readonly boolean[];
}

/** A broken rule, on its way between threads. */
export interface FaultMessage {
  readonly rule: DriverRule;
  readonly detail: string;
  readonly queue?: number | undefined;
}

export function faultMessage({ rule, detail, queue }: DriverFault): FaultMessage {
  return { rule, detail, queue };
}

export function faultOf({ rule, detail, queue }: FaultMessage): DriverFault {
  return new DriverFault(rule, detail, queue);
}

/** A message-signalled interrupt. */
export interface Message {
  readonly address: number;
  readonly data: number;
}

/** What happened in a thread of a card's pairs since it was asked last. */
export interface CardEvents {
  readonly card: number;
  readonly faults: { readonly fault: FaultMessage; readonly needsReset: boolean }[];
  /** Queues whose interrupts the control thread is to send. */
  readonly interrupts: number[];
  /** By queue: messages that the thread sent itself. */
  readonly sent: Record<number, number>;
}

export interface Reply {
  readonly value?: unknown;
  /** What the driver did wrong, which is to be thrown. */
  readonly fault?: FaultMessage;
  /** What else went wrong. */
  readonly error?: string;
  readonly events: readonly CardEvents[];
}
