import { has } from '../features.js';
import { descriptorBytes, type DriverRing, type InterruptWish } from '../ring.js';

/** Where a ring lies; plain data, so that it can be told to another thread. */
export type RingPlace = Pick<DriverRing, 'layout' | 'size' | 'descriptorArea' | 'driverArea' | 'deviceArea'>;

export function ringPlace({ layout, size, descriptorArea, driverArea, deviceArea }: RingPlace): RingPlace {
  return { layout, size, descriptorArea, driverArea, deviceArea };
}

export interface LocalRingOptions {
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly eventIndex: boolean;
  /** With VIRTIO_F_INDIRECT_DESC: memory for a table for each buffer. Buffers of more than one part then go into these. */
  readonly tables?: { readonly address: number; readonly entries: number };
}

/**
 * The driver's side of a virtqueue in memory of this process: no promises, and nothing allocated for a buffer. What the
 * device may look at from another thread is written and read by Atomics where the specification asks for a barrier
 * (virtio 2.7.13, 2.8.21), whatever kind of memory it is: these accesses are few.
 */
export interface LocalRing {
  readonly place: RingPlace;
  /** Descriptors that are not in use. */
  readonly free: number;
  /** Buffers that the device has. */
  readonly outstanding: number;
  /** `next_off` and `next_wrap` of an available buffer notification, as bits 0 to 15 (virtio 2.9). */
  readonly position: number;
  /** Bytes that the device says it wrote to the buffer that `take` answered last. */
  readonly written: number;
  /**
   * Puts a buffer into the ring; the device does not see it before `publish`. Answers its id, below the ring's size, or -1
   * where there is no room for it.
   * @param parts address and length of each part, in turn
   * @param count of parts, at least 1
   * @param writable whether the device may write them, or read them
   */
  add(parts: Uint32Array, count: number, writable: boolean): number;
  /** Makes what was added available. Answers whether the device wants a notification. */
  publish(): boolean;
  /**
   * The id of the next buffer that the device has used, or -1 where there is none.
   * @throws DeviceError when the device gave back what it did not have
   */
  take(): number;
  /** Tells the device when to interrupt. Answers whether used buffers are there already, which it need not tell. */
  wantInterrupts(wish: InterruptWish): boolean;
}

/** Tables for indirect descriptors: one for each id, at places that never change. */
export class LocalTables {
  readonly entries: number;
  /** Index into `words32`. */
  private readonly start: number;

  /** @throws RangeError when the tables are not aligned to 4 bytes */
  constructor({ address, entries }: { readonly address: number; readonly entries: number }) {
    if (address % 4 !== 0) throw new RangeError(`tables at 0x${address.toString(16)} are not aligned to 4 bytes`);
    this.entries = entries;
    this.start = address / 4;
  }

  /** Bytes that the tables of a ring need. */
  static bytes(size: number, entries: number): number {
    return size * entries * descriptorBytes;
  }

  /** Index into `words32` of the table for a buffer. */
  at(id: number): number {
    return this.start + id * this.entries * descriptorWords;
  }
}

/** A descriptor in words of 32 bits: address low and high, length, and two fields of 16 bits in the last. */
export const descriptorWords = descriptorBytes / 4;

/** Options of a ring, as far as they follow from what was negotiated. */
export function ringOptions(features: bigint, tables?: LocalRingOptions['tables']): LocalRingOptions {
  const indirect = tables && has(features, 'VIRTIO_F_INDIRECT_DESC');
  return { eventIndex: has(features, 'VIRTIO_F_EVENT_IDX'), ...(indirect && { tables }) };
}
