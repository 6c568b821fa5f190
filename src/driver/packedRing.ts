import { view, type DriverMemory } from './memory.js';
import {
  descriptor,
  descriptorBytes,
  descriptorFlag,
  IndirectTables,
  Outstanding,
  queueAlignment,
  writableBytes,
  type AddOptions,
  type DriverRing,
  type Element,
  type InterruptWish,
  type RingOptions,
  type UsedBuffer,
} from './ring.js';

/** RING_EVENT_FLAGS_* (virtio 2.8.10). */
const event = { enable: 0, disable: 1, descriptor: 2 } as const;
const wrapBit = 0x8000;
const flagsAt = 14;

/** A place in the ring and the wrap counter there. */
interface Position {
  readonly offset: number;
  readonly wrap: boolean;
}

/** A packed virtqueue (virtio 2.8). */
export class PackedRing implements DriverRing {
  readonly layout = 'packed';
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  /** Where the next descriptor is made available, and the Driver Ring Wrap Counter. */
  next: Position = { offset: 0, wrap: true };
  /** Where the device writes its next used descriptor. */
  nextUsed: Position = { offset: 0, wrap: true };
  private readonly memory: DriverMemory;
  private readonly eventIndex: boolean;
  private readonly inOrder: boolean;
  private readonly freeIds: number[];
  private readonly given = new Outstanding();
  private readonly tables: IndirectTables;
  private published: Position = this.next;
  /** The first descriptor of each buffer that was added since the last `publish`, with the flags it is to have. */
  private added: { offset: number; flags: number }[] = [];
  private inUse = 0;

  private constructor(
    memory: DriverMemory,
    options: RingOptions,
    areas: { descriptor: number; driver: number; device: number },
  ) {
    this.memory = memory;
    this.size = options.size;
    this.eventIndex = options.eventIndex ?? false;
    this.inOrder = options.inOrder ?? false;
    this.descriptorArea = areas.descriptor;
    this.driverArea = areas.driver;
    this.deviceArea = areas.device;
    this.freeIds = Array.from({ length: options.size }, (_, i) => i);
    this.tables = new IndirectTables(memory);
  }

  /** A ring in new, zeroed memory. */
  static async create(memory: DriverMemory, options: RingOptions): Promise<PackedRing> {
    return new PackedRing(memory, options, {
      descriptor: await memory.allocate(descriptorBytes * options.size, queueAlignment),
      driver: await memory.allocate(4, 4),
      device: await memory.allocate(4, 4),
    });
  }

  get free(): number {
    return this.size - this.inUse;
  }

  get outstanding(): number {
    return this.given.count;
  }

  get position(): number {
    return this.published.offset | (this.published.wrap ? wrapBit : 0);
  }

  async add(elements: readonly Element[], options: AddOptions = {}): Promise<number> {
    const count = options.indirect ? 1 : elements.length;
    if (count === 0 || count > this.free)
      throw new RangeError(`${count} descriptors are needed, ${this.free} are free`);
    const id = this.freeIds.shift()!;
    const written = options.indirect ? [await this.indirectElement(id, elements)] : elements;
    const first = this.next;
    const descriptors: number[] = [];
    let firstFlags = 0;
    for (const [i, element] of written.entries()) {
      const flags =
        (i < count - 1 ? descriptorFlag.next : 0) |
        (element.writable ? descriptorFlag.write : 0) |
        (options.indirect ? descriptorFlag.indirect : 0) |
        (this.next.wrap ? descriptorFlag.available : descriptorFlag.used);
      // The first one becomes available last, and so the rest is never seen without it (2.8.21.1).
      if (i === 0) firstFlags = flags;
      await this.writeDescriptor(this.next.offset, element, id, i === 0 ? flags ^ descriptorFlag.available : flags);
      descriptors.push(this.next.offset);
      this.next = this.after(this.next, 1);
    }
    this.inUse += count;
    this.added.push({ offset: first.offset, flags: firstFlags });
    this.given.add(id, { descriptors, writable: writableBytes(elements) });
    return id;
  }

  async publish(): Promise<boolean> {
    const before = this.published;
    // Backwards, so that the device sees all of them or none.
    for (const { offset, flags } of this.added.reverse()) {
      await this.memory.write16(this.descriptorArea + descriptorBytes * offset + flagsAt, flags);
    }
    this.added = [];
    this.published = this.next;
    const suppression = view(await this.memory.machine.readBytes(this.deviceArea, 4));
    const flags = suppression.getUint16(2, true) & 3;
    if (flags !== event.descriptor || !this.eventIndex) return flags !== event.disable;
    const at = suppression.getUint16(0, true);
    const wanted = { offset: at & ~wrapBit, wrap: (at & wrapBit) !== 0 };
    return this.distance(before, wanted) < this.distance(before, this.next);
  }

  async collect(): Promise<UsedBuffer[]> {
    const used: UsedBuffer[] = [];
    for (;;) {
      const fields = view(
        await this.memory.machine.readBytes(
          this.descriptorArea + descriptorBytes * this.nextUsed.offset,
          descriptorBytes,
        ),
      );
      const flags = fields.getUint16(flagsAt, true);
      if (this.outstanding === 0 || !this.isUsed(flags)) return used;
      const id = fields.getUint16(12, true);
      const ids = this.inOrder ? this.given.upTo(id) : [id];
      for (const each of ids) {
        const buffer = this.given.take(each);
        this.freeIds.push(each);
        this.inUse -= buffer.descriptors.length;
        this.nextUsed = this.after(this.nextUsed, buffer.descriptors.length);
        // A length without the write flag is to be ignored (2.8.5), but QEMU never sets that flag: so the flag is told.
        const writeFlag = (flags & descriptorFlag.write) !== 0;
        used.push({ id: each, length: each === id ? fields.getUint32(8, true) : buffer.writable, writeFlag });
      }
    }
  }

  async wantInterrupts(wish: InterruptWish): Promise<boolean> {
    if (wish === 'never') await this.setDriverEvent(event.disable);
    else if (!this.eventIndex) await this.setDriverEvent(event.enable);
    else await this.setDriverEvent(event.descriptor, this.after(this.nextUsed, wish === 'always' ? 0 : wish.after - 1));
    const flags = await this.memory.read16(this.descriptorArea + descriptorBytes * this.nextUsed.offset + flagsAt);
    return this.outstanding > 0 && this.isUsed(flags);
  }

  // The steps of the above, for a driver that takes them by hand.

  /** Writes a descriptor of the ring, its flags with the rest. */
  async writeDescriptor(offset: number, element: Element, id: number, flags: number): Promise<void> {
    const bytes = descriptor(element.address, element.length, id, flags);
    await this.memory.machine.writeBytes(this.descriptorArea + descriptorBytes * offset, bytes);
  }

  /** Writes the Driver Event Suppression structure. */
  async setDriverEvent(flags: number, at: Position = { offset: 0, wrap: false }): Promise<void> {
    const word = (at.offset | (at.wrap ? wrapBit : 0)) + flags * 0x10000;
    await this.memory.write32(this.driverArea, word);
  }

  private isUsed(flags: number): boolean {
    const available = (flags & descriptorFlag.available) !== 0;
    const used = (flags & descriptorFlag.used) !== 0;
    return available === used && used === this.nextUsed.wrap;
  }

  private after(position: Position, count: number): Position {
    const offset = position.offset + count;
    return offset < this.size ? { offset, wrap: position.wrap } : { offset: offset - this.size, wrap: !position.wrap };
  }

  /** How many descriptors from one place to the other; twice the ring is the same place again. */
  private distance(from: Position, to: Position): number {
    const place = ({ offset, wrap }: Position): number => offset + (wrap ? 0 : this.size);
    return (place(to) - place(from) + 2 * this.size) % (2 * this.size);
  }

  private async indirectElement(id: number, elements: readonly Element[]): Promise<Element> {
    const address = await this.tables.get(id, elements.length);
    for (const [i, element] of elements.entries()) {
      const bytes = descriptor(element.address, element.length, 0, element.writable ? descriptorFlag.write : 0);
      await this.memory.machine.writeBytes(address + descriptorBytes * i, bytes);
    }
    return { address, length: descriptorBytes * elements.length, writable: false };
  }
}
