import {
  descriptorFlag,
  type DriverQueue,
  type Element,
  type IndirectTable,
  type RingAddresses,
  type UsedElement,
} from './naiveDriver.js';
import type { TestMemory } from './memory.js';

/** Flags of a descriptor in a packed ring (virtio 2.8.1). */
export const packedFlag = { ...descriptorFlag, available: 1 << 7, used: 1 << 15 } as const;

/** Values of an event suppression structure's flags (virtio 2.8.10). */
export const suppression = { enable: 0, disable: 1, descriptor: 2 } as const;

/** Writes one descriptor of a packed ring or of its indirect tables: struct pvirtq_desc (virtio 2.8.13). */
export function writePackedDescriptor(
  memory: TestMemory,
  table: number,
  index: number,
  descriptor: { address: number | bigint; length: number; id?: number; flags: number },
): void {
  const at = table + 16 * index;
  memory.view.setBigUint64(at, BigInt(descriptor.address), true);
  memory.view.setUint32(at + 8, descriptor.length, true);
  memory.view.setUint16(at + 12, descriptor.id ?? 0, true);
  memory.view.setUint16(at + 14, descriptor.flags, true);
}

/** Sizes and alignments of the three parts of a packed virtqueue (virtio 2.8.10.1), which starts as zeros (2.8.13). */
export function allocatePackedRing(memory: TestMemory, size: number): RingAddresses {
  const allocate = (bytes: number, alignment: number): number => {
    const address = memory.allocate(bytes, alignment);
    memory.bytes.fill(0, address, address + bytes);
    return address;
  };
  return { descriptorArea: allocate(16 * size, 16), driverArea: allocate(4, 4), deviceArea: allocate(4, 4) };
}

/** A buffer that was placed: where it starts, counted without end, and what its first flags are to become. */
interface Placed {
  readonly start: number;
  readonly slots: number;
  readonly firstFlags: number;
}

/** The driver's side of a packed virtqueue, as virtio 2.8.21 and 2.8.22 tell it. Places are counted without end. */
export class PackedDriver implements DriverQueue {
  readonly memory: TestMemory;
  readonly size: number;
  readonly addresses: RingAddresses;
  readonly eventIndex: boolean;
  /** Buffer ids that name nothing, in the order in which they will be taken. */
  private readonly ids: number[];
  private readonly buffers = new Map<number, Placed>();
  private placed: number;
  private available: number;
  private kicked: number;
  private collected: number;

  /** @param start the place at which both sides stand, over two rounds of the ring: 0 for a queue set up just now */
  constructor(memory: TestMemory, size: number, options: { eventIndex?: boolean; start?: number } = {}) {
    const { eventIndex = false, start = 0 } = options;
    this.memory = memory;
    this.size = size;
    this.addresses = allocatePackedRing(memory, size);
    this.eventIndex = eventIndex;
    // Ids are not the places of their descriptors.
    this.ids = Array.from({ length: size }, (_, i) => (size - i) % size);
    this.placed = this.available = this.kicked = this.collected = start;
    if (eventIndex) this.wantInterrupt();
  }

  get free(): number[] {
    return Array.from({ length: this.size - (this.placed - this.collected) }, (_, i) => this.offset(this.placed + i));
  }

  get outstanding(): number[] {
    return [...this.buffers.keys()];
  }

  /** The place behind the last used descriptor, over two rounds. */
  get usedIndex(): number {
    return this.used.place % (2 * this.size);
  }

  get uncollected(): number {
    return this.used.count;
  }

  place(elements: readonly Element[], indirect?: IndirectTable): number | undefined {
    const slots = indirect ? 1 : elements.length;
    if (this.placed + slots > this.collected + this.size) return undefined;
    const id = this.ids.shift()!;
    const start = this.placed;
    this.placed += slots;
    const rows = indirect ? [this.describeTable(elements, indirect.table)] : elements.map(describe);
    let firstFlags = 0;
    rows.forEach((row, i) => {
      const last = i === rows.length - 1;
      const flags = row.flags | (last ? 0 : packedFlag.next) | this.availableFlags(start + i);
      // The id counts in the last descriptor only; the first one's flags come when the whole list stands (2.8.6).
      this.write(start + i, { ...row, id: last ? id : 0xffff, flags: i === 0 ? this.flagsAt(start) : flags });
      if (i === 0) firstFlags = flags;
    });
    this.buffers.set(id, { start, slots, firstFlags });
    return id;
  }

  /** Makes buffers available, in the order in which they were placed: all at once for the device, which sees the first. */
  offer(...ids: number[]): void {
    for (const id of [...ids].reverse()) {
      const { start, firstFlags } = this.buffers.get(id)!;
      this.memory.view.setUint16(this.descriptor(start) + 14, firstFlags, true);
    }
    for (const id of ids) {
      const { start, slots } = this.buffers.get(id)!;
      if (start !== this.available) throw new Error(`buffer ${id} is not the next one of the ring`);
      this.available += slots;
    }
  }

  add(elements: readonly Element[], indirect?: IndirectTable): number | undefined {
    const id = this.place(elements, indirect);
    if (id !== undefined) this.offer(id);
    return id;
  }

  kick(): boolean {
    const { flags, place } = this.deviceEvent;
    let must = false;
    for (; this.kicked < this.available; this.kicked++) {
      if (flags === suppression.descriptor) must ||= this.kicked % (2 * this.size) === place;
      else must ||= flags === suppression.enable;
    }
    return must;
  }

  collect(): UsedElement[] {
    const elements: UsedElement[] = [];
    while (this.isUsed(this.collected)) {
      const at = this.descriptor(this.collected);
      const id = this.idAt(this.collected);
      const buffer = this.buffers.get(id);
      if (!buffer) throw new Error(`the device used ${id}, which is no buffer that it has`);
      const writeFlag = (this.flagsAt(this.collected) & packedFlag.write) !== 0;
      const length = this.memory.view.getUint32(at + 8, true);
      if (writeFlag !== length > 0) throw new Error(`the write flag is ${writeFlag} with ${length} bytes written`);
      this.buffers.delete(id);
      this.ids.push(id);
      this.collected += buffer.slots;
      elements.push({ id, length });
    }
    return elements;
  }

  setFlags(flags: number): void {
    this.memory.view.setUint16(this.addresses.driverArea + 2, flags, true);
  }

  /** Asks for an interrupt when the device uses the descriptor at this place, over two rounds; only with event indices. */
  setUsedEvent(place: number): void {
    const { driverArea } = this.addresses;
    const within = ((place % (2 * this.size)) + 2 * this.size) % (2 * this.size);
    const wrap = within < this.size ? 0x8000 : 0;
    this.memory.view.setUint16(driverArea, (within % this.size) | wrap, true);
    if (this.eventIndex) this.setFlags(suppression.descriptor);
  }

  wantInterrupt(): void {
    if (this.eventIndex) this.setUsedEvent(this.collected);
    else this.setFlags(suppression.enable);
  }

  /** Offset and wrap counter of the next entry, as a notification carries them (virtio 2.9). */
  get notificationData(): number {
    return this.offset(this.available) | (this.wrap(this.available) << 15);
  }

  /** The place behind what the device has used, and how many buffers there are before it that were not collected. */
  private get used(): { place: number; count: number } {
    let [place, count] = [this.collected, 0];
    for (; this.isUsed(place); count++) place += this.buffers.get(this.idAt(place))!.slots;
    return { place, count };
  }

  private get deviceEvent(): { flags: number; place: number } {
    const { deviceArea } = this.addresses;
    const position = this.memory.view.getUint16(deviceArea, true);
    const place = (position & 0x7fff) + (position & 0x8000 ? 0 : this.size);
    return { flags: this.memory.view.getUint16(deviceArea + 2, true), place };
  }

  private describeTable(
    elements: readonly Element[],
    table: number,
  ): { address: number; length: number; flags: number } {
    elements.forEach((element, i) => {
      // Of the other flags the device is to take no notice in a table (2.8.7).
      const row = describe(element);
      writePackedDescriptor(this.memory, table, i, { ...row, flags: row.flags | packedFlag.next, id: 0xbeef });
    });
    return { address: table, length: 16 * elements.length, flags: packedFlag.indirect };
  }

  private write(place: number, row: { address: number; length: number; id: number; flags: number }): void {
    writePackedDescriptor(this.memory, this.addresses.descriptorArea, this.offset(place), row);
  }

  private isUsed(place: number): boolean {
    if (place >= this.available) return false;
    const flags = this.flagsAt(place);
    const expected = this.wrap(place) ? packedFlag.available | packedFlag.used : 0;
    return (flags & (packedFlag.available | packedFlag.used)) === expected;
  }

  private availableFlags(place: number): number {
    return this.wrap(place) ? packedFlag.available : packedFlag.used;
  }

  private idAt(place: number): number {
    return this.memory.view.getUint16(this.descriptor(place) + 12, true);
  }

  private flagsAt(place: number): number {
    return this.memory.view.getUint16(this.descriptor(place) + 14, true);
  }

  private descriptor(place: number): number {
    return this.addresses.descriptorArea + 16 * this.offset(place);
  }

  private offset(place: number): number {
    return place % this.size;
  }

  /** The ring wrap counter when the driver comes to that place: 1 in the first round (2.8.1). */
  private wrap(place: number): 0 | 1 {
    return Math.floor(place / this.size) % 2 === 0 ? 1 : 0;
  }
}

function describe({ address, length, writable }: Element): { address: number; length: number; flags: number } {
  return { address, length, flags: writable ? packedFlag.write : 0 };
}
