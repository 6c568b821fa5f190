import { DeviceError } from './machine.js';
import { view, type Address, type DriverMemory } from './memory.js';

/** One element of a buffer: memory that the device may read, or may write. */
export interface Element {
  readonly address: Address;
  readonly length: number;
  readonly writable: boolean;
}

/** A buffer that the device has used. */
export interface UsedBuffer {
  /** What `add` answered. */
  readonly id: number;
  /** Bytes that the device says it wrote. */
  readonly length: number;
  /** VIRTQ_DESC_F_WRITE in a packed ring's used descriptor: the device wrote something (virtio 2.8.4). */
  readonly writeFlag?: boolean;
}

export interface AddOptions {
  /** The elements go into a table of their own, and one descriptor refers to that (VIRTIO_F_INDIRECT_DESC). */
  readonly indirect?: boolean;
}

/**
 * Where a queue may begin, in bytes. The specification asks for 16; queues that begin at two lines of the processor's cache
 * have none in common, so that threads which work on different queues leave each other alone.
 */
export const queueAlignment = 128;

/** When the device is to send a used buffer notification. */
export type InterruptWish = 'always' | 'never' | { readonly after: number };

export interface RingOptions {
  /** Entries; a split ring needs a power of two. */
  readonly size: number;
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly eventIndex?: boolean;
  /** VIRTIO_F_IN_ORDER was negotiated. */
  readonly inOrder?: boolean;
  /** All parts in one piece, as the legacy interface needs it (virtio 2.7.2). */
  readonly legacy?: boolean;
}

/**
 * The driver's side of a virtqueue. A buffer is added, several of them if need be, then published; buffers that the
 * device has used are collected. The three parts of the ring are plain memory: to break a rule, write there.
 */
export interface DriverRing {
  readonly layout: 'split' | 'packed';
  readonly size: number;
  /** Guest-physical addresses of the three parts (virtio 2.6). */
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  /** Descriptors that are not in use. */
  readonly free: number;
  /** Buffers that the device has. */
  readonly outstanding: number;
  /** `next_off` and `next_wrap` of an available buffer notification, as bits 0 to 15 (virtio 2.9). */
  readonly position: number;
  /**
   * Puts a buffer into the ring; the device does not see it before `publish`. Answers its id.
   * @throws RangeError when there are not enough free descriptors
   */
  add(elements: readonly Element[], options?: AddOptions): Promise<number>;
  /** Makes what was added available. Answers whether the device wants a notification. */
  publish(): Promise<boolean>;
  /**
   * The buffers that were used since the last time, in the order in which the device gave them back.
   * @throws DeviceError when the device gave back what it did not have
   */
  collect(): Promise<UsedBuffer[]>;
  /** Tells the device when to interrupt. Answers whether used buffers are there already, which it need not tell. */
  wantInterrupts(wish: InterruptWish): Promise<boolean>;
}

export const descriptorBytes = 16;
export const descriptorFlag = { next: 1, write: 2, indirect: 4, available: 0x80, used: 0x8000 } as const;

/** A descriptor's 16 bytes. The last two fields are flags and next (split), or id and flags (packed). */
export function descriptor(address: Address, length: number, third: number, fourth: number): Uint8Array {
  const bytes = new Uint8Array(descriptorBytes);
  const fields = view(bytes);
  fields.setBigUint64(0, BigInt(address), true);
  fields.setUint32(8, length, true);
  fields.setUint16(12, third, true);
  fields.setUint16(14, fourth, true);
  return bytes;
}

/** The buffers that a device has, by id and in the order in which it got them. */
export class Outstanding {
  private readonly buffers = new Map<number, OutstandingBuffer>();

  get count(): number {
    return this.buffers.size;
  }

  get(id: number): OutstandingBuffer | undefined {
    return this.buffers.get(id);
  }

  add(id: number, buffer: OutstandingBuffer): void {
    this.buffers.set(id, buffer);
  }

  /** Takes out the buffer that the device gave back; the device is wrong if it didn't have it. */
  take(id: number): OutstandingBuffer {
    const buffer = this.buffers.get(id);
    if (!buffer) throw new DeviceError(`the device used buffer ${id}, which it was not given`);
    this.buffers.delete(id);
    return buffer;
  }

  /** With VIRTIO_F_IN_ORDER: all buffers up to this one, in their order. */
  upTo(id: number): number[] {
    const ids: number[] = [];
    for (const next of this.buffers.keys()) {
      ids.push(next);
      if (next === id) return ids;
    }
    throw new DeviceError(`the device used buffer ${id}, which it was not given`);
  }
}

export interface OutstandingBuffer {
  /** Descriptors it takes in the ring. */
  readonly descriptors: readonly number[];
  /** Bytes that the device may write. */
  readonly writable: number;
}

export function writableBytes(elements: readonly Element[]): number {
  return elements.reduce((sum, { length, writable }) => sum + (writable ? length : 0), 0);
}

/** Memory for indirect tables: one for each id, made anew when a larger one is needed. */
export class IndirectTables {
  private readonly memory: DriverMemory;
  private readonly tables = new Map<number, { address: number; entries: number }>();

  constructor(memory: DriverMemory) {
    this.memory = memory;
  }

  async get(id: number, entries: number): Promise<number> {
    const table = this.tables.get(id);
    if (table && table.entries >= entries) return table.address;
    if (table) this.memory.free(table.address);
    const address = await this.memory.allocate(descriptorBytes * entries);
    this.tables.set(id, { address, entries });
    return address;
  }
}
