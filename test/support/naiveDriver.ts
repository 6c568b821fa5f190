import type { TestMemory } from './memory.js';

/** Descriptor flags (virtio 2.7.5). */
export const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const;

/** Sizes and alignments of the three parts of a split virtqueue (virtio 2.7). */
export const ringLayout = {
  descriptor: { alignment: 16, bytes: (size: number) => 16 * size },
  driver: { alignment: 2, bytes: (size: number) => 6 + 2 * size },
  device: { alignment: 4, bytes: (size: number) => 6 + 8 * size },
} as const;

export interface RingAddresses {
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}

/** One element of a buffer: a range of memory that the device is to read, or to write. */
export interface Element {
  readonly address: number;
  readonly length: number;
  readonly writable: boolean;
}

export interface UsedElement {
  readonly id: number;
  readonly length: number;
}

/** Where an indirect table goes, and how many elements stand in the ring's own table before it. */
export interface IndirectTable {
  readonly table: number;
  readonly direct?: number;
}

/** The driver's side of a virtqueue, whatever its layout. Heads are buffer ids where the queue is packed. */
export interface DriverQueue {
  readonly memory: TestMemory;
  readonly size: number;
  readonly addresses: RingAddresses;
  readonly eventIndex: boolean;
  /** Descriptors that hold nothing, in the order in which they will be taken. */
  readonly free: readonly number[];
  /** Heads of the buffers that the device has. */
  readonly outstanding: number[];
  /** How far the device has used the ring. */
  readonly usedIndex: number;
  /** Buffers that the device has used and that were not collected. */
  readonly uncollected: number;
  /** What a notification tells of the next available entry: offset in 15 bits, wrap counter above them (virtio 2.9). */
  readonly notificationData: number;
  /** Places a buffer into free descriptors. Answers its head, or undefined when there are too few. */
  place(elements: readonly Element[], indirect?: IndirectTable): number | undefined;
  /** Makes buffers available, all at once. */
  offer(...heads: number[]): void;
  /** Places a buffer and makes it available. */
  add(elements: readonly Element[], indirect?: IndirectTable): number | undefined;
  /** Whether the device must be told of what was made available since the last time this was asked. */
  kick(): boolean;
  /** What the device has used since the last time. */
  collect(): UsedElement[];
  /** 1 asks for no interrupt, 0 for one. */
  setFlags(flags: number): void;
  /** Asks for an interrupt when the device uses the entry with this index. */
  setUsedEvent(index: number): void;
  /** Asks for an interrupt at the next buffer that is used, as a driver does that has collected all. */
  wantInterrupt(): void;
}

export function allocateRings(memory: TestMemory, size: number): RingAddresses {
  const { descriptor, driver, device } = ringLayout;
  return {
    descriptorArea: memory.allocate(descriptor.bytes(size), descriptor.alignment),
    driverArea: memory.allocate(driver.bytes(size), driver.alignment),
    deviceArea: memory.allocate(device.bytes(size), device.alignment),
  };
}

/** Writes one entry of a descriptor table: struct virtq_desc (virtio 2.7.5). */
export function writeDescriptor(
  memory: TestMemory,
  table: number,
  index: number,
  descriptor: { address: number | bigint; length: number; flags: number; next?: number },
): void {
  const at = table + 16 * index;
  memory.view.setBigUint64(at, BigInt(descriptor.address), true);
  memory.view.setUint32(at + 8, descriptor.length, true);
  memory.view.setUint16(at + 12, descriptor.flags, true);
  memory.view.setUint16(at + 14, descriptor.next ?? 0, true);
}

export interface NaiveDriverOptions {
  readonly eventIndex?: boolean;
  /** Where the indices of both rings stand: 0 for a queue that was set up just now. */
  readonly start?: number;
  /** Where the rings are; in new memory when left out. */
  readonly addresses?: RingAddresses;
}

/** The driver's side of a split virtqueue, step by step as virtio 2.7.13 and 2.7.14 tell it. */
export class NaiveDriver implements DriverQueue {
  readonly memory: TestMemory;
  readonly size: number;
  readonly addresses: RingAddresses;
  readonly eventIndex: boolean;
  /** Descriptors that hold nothing, in the order in which they will be taken. */
  readonly free: number[];
  /** By head: the descriptors of a chain that the device has. */
  private readonly chains = new Map<number, number[]>();
  private available: number;
  private kicked: number;
  private collected: number;

  constructor(memory: TestMemory, size: number, options: NaiveDriverOptions = {}) {
    const { eventIndex = false, start = 0, addresses = allocateRings(memory, size) } = options;
    this.memory = memory;
    this.size = size;
    this.addresses = addresses;
    this.eventIndex = eventIndex;
    this.free = Array.from({ length: size }, (_, i) => i);
    this.available = this.kicked = this.collected = start;
    this.set(this.addresses.driverArea + 2, start);
    this.set(this.addresses.deviceArea + 2, start);
  }

  get availableIndex(): number {
    return this.available;
  }

  /** The used ring's flags: 1 asks for no notification. */
  get usedFlags(): number {
    return this.get(this.addresses.deviceArea);
  }

  get usedIndex(): number {
    return this.get(this.addresses.deviceArea + 2);
  }

  get uncollected(): number {
    return (this.usedIndex - this.collected) & 0xffff;
  }

  get notificationData(): number {
    return this.available;
  }

  get availableEvent(): number {
    return this.get(this.addresses.deviceArea + 4 + 8 * this.size);
  }

  /** Heads of the chains that the device has. */
  get outstanding(): number[] {
    return [...this.chains.keys()];
  }

  /** Places a buffer into free descriptors. Answers its head, or undefined when there are too few. */
  place(elements: readonly Element[], indirect?: IndirectTable): number | undefined {
    const direct = indirect ? (indirect.direct ?? 0) : elements.length;
    const needed = indirect ? direct + 1 : direct;
    if (needed > this.free.length) return undefined;
    const descriptors = this.free.splice(0, needed);
    const { descriptorArea } = this.addresses;
    elements.slice(0, direct).forEach((element, i) => {
      const last = i === needed - 1;
      this.describe(descriptorArea, descriptors[i], element, last ? undefined : descriptors[i + 1]);
    });
    if (indirect) {
      const rest = elements.slice(direct);
      rest.forEach((element, i) => {
        this.describe(indirect.table, i, element, i === rest.length - 1 ? undefined : i + 1);
      });
      const table = { address: indirect.table, length: 16 * rest.length, flags: descriptorFlag.indirect };
      writeDescriptor(this.memory, descriptorArea, descriptors[direct], table);
    }
    this.chains.set(descriptors[0], descriptors);
    return descriptors[0];
  }

  /** Makes chains available: into the ring first, then all at once by the index. */
  offer(...heads: number[]): void {
    heads.forEach((head, i) => {
      this.set(this.addresses.driverArea + 4 + 2 * ((this.available + i) % this.size), head);
    });
    this.available = (this.available + heads.length) & 0xffff;
    this.set(this.addresses.driverArea + 2, this.available);
  }

  /** Places a buffer and makes it available. */
  add(elements: readonly Element[], indirect?: IndirectTable): number | undefined {
    const head = this.place(elements, indirect);
    if (head !== undefined) this.offer(head);
    return head;
  }

  /** Whether the device must be told of what was made available since the last time this was asked (2.7.10). */
  kick(): boolean {
    const { usedFlags, availableEvent, eventIndex } = this;
    let must = false;
    for (; this.kicked !== this.available; this.kicked = (this.kicked + 1) & 0xffff) {
      must ||= eventIndex ? this.kicked === availableEvent : usedFlags === 0;
    }
    return must;
  }

  /** What the device has used since the last time; its descriptors are free again, those used last behind the others. */
  collect(): UsedElement[] {
    const elements: UsedElement[] = [];
    for (; this.collected !== this.usedIndex; this.collected = (this.collected + 1) & 0xffff) {
      const at = this.addresses.deviceArea + 4 + 8 * (this.collected % this.size);
      const { view } = this.memory;
      const element = { id: view.getUint32(at, true), length: view.getUint32(at + 4, true) };
      const chain = this.chains.get(element.id);
      if (!chain) throw new Error(`the device used ${element.id}, which is no head of a chain that it has`);
      this.chains.delete(element.id);
      this.free.push(...chain);
      elements.push(element);
    }
    return elements;
  }

  /** Flags of the available ring: 1 asks for no interrupt; only without event indices. */
  setFlags(flags: number): void {
    this.set(this.addresses.driverArea, flags);
  }

  /** Asks for an interrupt when the device uses the entry with this index. */
  setUsedEvent(index: number): void {
    this.set(this.addresses.driverArea + 4 + 2 * this.size, index & 0xffff);
  }

  /** Asks for an interrupt at the next buffer that is used, as a driver does that has collected all. */
  wantInterrupt(): void {
    if (this.eventIndex) this.setUsedEvent(this.collected);
    else this.setFlags(0);
  }

  private describe(table: number, index: number, element: Element, next: number | undefined): void {
    const flags = (element.writable ? descriptorFlag.write : 0) | (next === undefined ? 0 : descriptorFlag.next);
    writeDescriptor(this.memory, table, index, { ...element, flags, next });
  }

  private get(address: number): number {
    return this.memory.view.getUint16(address, true);
  }

  private set(address: number, value: number): void {
    this.memory.view.setUint16(address, value, true);
  }
}
