import type { Bench } from './bench.js';
import type { Condition, Trigger } from './condition.js';

export type QueueKind = 'input' | 'output' | 'control';

export const everyQueue: readonly QueueKind[] = ['input', 'output', 'control'];

/** One way in which a device misbehaves on request. */
export interface Fault {
  readonly name: string;
  /** What the device does, in a sentence. */
  readonly does: string;
  /** What the specification lets a driver expect, or asks of it. */
  readonly expects: string;
  /** The section of the specification (virtio 1.3) that says so. */
  readonly spec: string;
  /** What a condition counts. */
  readonly event: string;
  /** The queues that its events are of; left out where they are of the device alone, and no condition names a queue. */
  readonly queues?: readonly QueueKind[];
  /** A condition may say how long what is late or passes takes. */
  readonly takesDelay?: boolean;
  /** What holds where a condition says nothing else. */
  readonly when?: Condition;
  /** Puts the fault in place: asks the trigger at each event, and does it if that says so. */
  readonly arm: (bench: Bench, trigger: Trigger) => void;
}
