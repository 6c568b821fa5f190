import type { DescriptorChain } from './chain.js';

/**
 * The device's side of a virtqueue, whatever its layout. The device takes buffers with `next`, gives them back with
 * `complete` in any order, and makes what it gave back visible with `publish`.
 */
export interface Virtqueue {
  readonly index: number;
  /** Number of entries. */
  readonly size: number;
  /**
   * The next buffer the driver made available, or undefined when there is none. The chain belongs to the caller until it
   * is completed or rewound.
   * @throws DriverFault when the driver broke a rule; the queue then gives no more buffers
   */
  next(): DescriptorChain | undefined;
  /** Puts back the buffer that `next` gave last, as if it had not been taken. Last taken, first put back. */
  rewind(chain: DescriptorChain): void;
  /** Gives a buffer back, of which the first `written` device-writable bytes were written. */
  complete(chain: DescriptorChain, written: number): void;
  /** Makes all completed buffers visible to the driver. */
  show(): void;
  /** Whether the driver wants an interrupt for what became visible since this was asked last, as its wish stands now. */
  wantsInterrupt(): boolean;
  /** `show`, and the answer of `wantsInterrupt`. */
  publish(): boolean;
  /**
   * Asks the driver to notify (or, as far as the layout can say so, not to notify) when it makes a buffer available.
   * Answers whether there is one already, which the driver then need not tell.
   */
  wantNotifications(wanted: boolean): boolean;
  /** A paused queue gives no buffers and takes none back: its device may not reach guest memory just now. */
  paused: boolean;
  save(): QueueState;
}

/** What a queue keeps between two calls. Of a split queue it is indices, of a packed one places in the ring. */
export interface QueueState {
  nextAvailable: number;
  nextUsed: number;
  /** Up to where the driver sees what was used. */
  publishedUsed: number;
  /** Up to where it saw that when it was decided last whether to interrupt it. */
  decidedUsed: number;
  /** Of a packed queue: the buffers that the device has, which the ring itself may not show any more. */
  held?: HeldBuffer[];
  /** With VIRTIO_F_IN_ORDER: the buffers that the driver has not got back; `returned` is -1 of those at work. */
  order?: { head: number; returned: number }[];
}

/** A buffer that the device took and has not given back. */
export interface HeldBuffer {
  head: number;
  slots: number;
  readableCount: number;
  ranges: [address: number, length: number][];
}

/** Where a queue lies and what it may use; from the transport's registers. */
export interface QueueSetup {
  readonly index: number;
  /** Entries, from 1 to 32768; of a split queue a power of two. */
  readonly size: number;
  /** Guest-physical addresses of the descriptor area, driver area and device area (virtio 2.6). */
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}
