import type { DriverFault } from '../virtio/rules.js';

/** A rule the driver broke. */
export interface FaultEvent {
  readonly fault: DriverFault;
  /** The device can't go on until the driver resets it. */
  readonly needsReset: boolean;
}

/** What FEATURES_OK came to. */
export interface NegotiationEvent {
  readonly offered: readonly string[];
  readonly accepted: readonly string[];
  /** Why the device refused, or undefined when it agreed. */
  readonly refusal: string | undefined;
}
