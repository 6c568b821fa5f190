import type { Features } from '../../virtio/features.js';
import type { NotificationCoalescing } from '../coalescing.js';
import type { ReceiveFilter } from '../filter.js';
import type { GuestOffloads } from '../guestOffloads.js';
import type { Multiqueue } from '../multiqueue.js';
import type { DeviceStatistics } from '../statistics.js';

/** What a driver commands through the control queue: the card, seen from there. */
export interface ControlledCard {
  readonly coalescing: NotificationCoalescing;
  readonly filter: ReceiveFilter;
  readonly guestOffloads: GuestOffloads;
  readonly multiqueue: Multiqueue;
  readonly statistics: DeviceStatistics;
  setMac(mac: Uint8Array): boolean;
  /** The driver has seen that it is asked to announce the guest. */
  announced(): boolean;
  /** Commands were carried out, and the driver is about to see that. */
  commanded(): void;
}

/** One command of the control queue (virtio 5.1.6.5). */
export interface Command {
  readonly name: string;
  readonly class: number;
  readonly command: number;
  /** The feature that makes the command exist. */
  readonly feature: Features;
  /** Length of its data in bytes; left out where it varies, and `run` looks itself. */
  readonly length?: number;
  /** Length of its result in bytes, which follows the ack; 0 when left out. */
  readonly resultLength?: number;
  /**
   * Carries it out; false refuses it. The result is `resultLength` bytes long, all zero, and read where the answer is true.
   * A command whose result may have any length answers that; the driver gets as much of it as it has room for.
   */
  readonly run: (data: Uint8Array, card: ControlledCard, result: Uint8Array) => boolean | Uint8Array;
}
