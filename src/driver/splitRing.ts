import { DeviceError } from './machine.js';
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

/** VIRTQ_AVAIL_F_NO_INTERRUPT and VIRTQ_USED_F_NO_NOTIFY (virtio 2.7.6, 2.7.8). */
const noInterrupt = 1;
const noNotify = 1;

/** Indices are 16 bits wide and wrap. */
const wrap = (index: number): number => index & 0xffff;

/** A split virtqueue (virtio 2.7). */
export class SplitRing implements DriverRing {
  readonly layout = 'split';
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  /** Entries of the available ring that were written, whether or not `publish` has shown them. */
  availableIndex = 0;
  /** The `idx` of the available ring that the device sees. */
  publishedIndex = 0;
  /** Entries of the used ring that were read. */
  usedIndex = 0;
  private readonly memory: DriverMemory;
  private readonly eventIndex: boolean;
  private readonly inOrder: boolean;
  /** Taken from the front and put back at the end, so that a device that works in order sees ring order. */
  private readonly freeDescriptors: number[];
  private readonly given = new Outstanding();
  private readonly tables: IndirectTables;

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
    this.freeDescriptors = Array.from({ length: options.size }, (_, i) => i);
    this.tables = new IndirectTables(memory);
  }

  /** A ring in new, zeroed memory. */
  static async create(memory: DriverMemory, options: RingOptions): Promise<SplitRing> {
    const { size } = options;
    const driverBytes = 6 + 2 * size;
    const deviceBytes = 6 + 8 * size;
    if (options.legacy) {
      const page = 4096;
      const used = Math.ceil((descriptorBytes * size + driverBytes) / page) * page;
      const start = await memory.allocate(used + deviceBytes, page);
      return new SplitRing(memory, options, {
        descriptor: start,
        driver: start + descriptorBytes * size,
        device: start + used,
      });
    }
    return new SplitRing(memory, options, {
      descriptor: await memory.allocate(descriptorBytes * size, queueAlignment),
      driver: await memory.allocate(driverBytes, 2),
      device: await memory.allocate(deviceBytes, 4),
    });
  }

  get free(): number {
    return this.freeDescriptors.length;
  }

  get outstanding(): number {
    return this.given.count;
  }

  get position(): number {
    return this.publishedIndex;
  }

  async add(elements: readonly Element[], options: AddOptions = {}): Promise<number> {
    const count = options.indirect ? 1 : elements.length;
    if (count === 0 || count > this.free)
      throw new RangeError(`${count} descriptors are needed, ${this.free} are free`);
    const descriptors = this.freeDescriptors.splice(0, count);
    const head = descriptors[0];
    if (options.indirect) await this.writeIndirect(head, elements);
    else await this.writeChain(descriptors, elements);
    this.given.add(head, { descriptors, writable: writableBytes(elements) });
    await this.makeAvailable(head);
    return head;
  }

  async publish(): Promise<boolean> {
    const before = this.publishedIndex;
    await this.setAvailableIndex(this.availableIndex);
    if (!this.eventIndex) return ((await this.memory.read16(this.deviceArea)) & noNotify) === 0;
    // The device wants to know when the index passes avail_event + 1 (2.7.10).
    const event = await this.memory.read16(this.deviceArea + 4 + 8 * this.size);
    return wrap(this.publishedIndex - event - 1) < wrap(this.publishedIndex - before);
  }

  async collect(): Promise<UsedBuffer[]> {
    const index = await this.readUsedIndex();
    const fresh = wrap(index - this.usedIndex);
    if (fresh > this.outstanding) {
      throw new DeviceError(`the used index went on by ${fresh}, and the device had ${this.outstanding} buffers`);
    }
    const used: UsedBuffer[] = [];
    while (this.usedIndex !== index) {
      const entry = view(
        await this.memory.machine.readBytes(this.deviceArea + 4 + 8 * (this.usedIndex % this.size), 8),
      );
      const id = entry.getUint32(0, true);
      // In order, one entry may stand for all buffers up to it (2.7.8.1).
      const ids = this.inOrder ? this.given.upTo(id) : [id];
      for (const each of ids) {
        const buffer = this.given.take(each);
        this.freeDescriptors.push(...buffer.descriptors);
        used.push({ id: each, length: each === id ? entry.getUint32(4, true) : buffer.writable });
      }
      this.usedIndex = wrap(this.usedIndex + ids.length);
    }
    return used;
  }

  async wantInterrupts(wish: InterruptWish): Promise<boolean> {
    if (this.eventIndex) {
      // An event that lies half of the index's range behind is one that does not come.
      const ahead = wish === 'always' ? 0 : wish === 'never' ? 0x8000 : wish.after - 1;
      await this.memory.write16(this.driverArea + 4 + 2 * this.size, wrap(this.usedIndex + ahead));
    } else {
      await this.memory.write16(this.driverArea, wish === 'never' ? noInterrupt : 0);
    }
    return (await this.readUsedIndex()) !== this.usedIndex;
  }

  // The steps of the above, for a driver that takes them by hand.

  /** Writes an entry of the descriptor table. */
  async writeDescriptor(index: number, element: Element, flags: number, next = 0): Promise<void> {
    const bytes = descriptor(element.address, element.length, flags, next);
    await this.memory.machine.writeBytes(this.descriptorArea + descriptorBytes * index, bytes);
  }

  /** Puts a head into the next entry of the available ring. */
  async makeAvailable(head: number): Promise<void> {
    await this.memory.write16(this.driverArea + 4 + 2 * (this.availableIndex % this.size), head);
    this.availableIndex = wrap(this.availableIndex + 1);
  }

  /** Writes `idx` of the available ring. */
  async setAvailableIndex(index: number): Promise<void> {
    await this.memory.write16(this.driverArea + 2, index);
    this.publishedIndex = index;
  }

  /** Reads `idx` of the used ring. */
  readUsedIndex(): Promise<number> {
    return this.memory.read16(this.deviceArea + 2);
  }

  private async writeChain(descriptors: readonly number[], elements: readonly Element[]): Promise<void> {
    for (const [i, element] of elements.entries()) {
      const last = i === elements.length - 1;
      const flags = (last ? 0 : descriptorFlag.next) | (element.writable ? descriptorFlag.write : 0);
      await this.writeDescriptor(descriptors[i], element, flags, last ? 0 : descriptors[i + 1]);
    }
  }

  private async writeIndirect(head: number, elements: readonly Element[]): Promise<void> {
    const address = await this.tables.get(head, elements.length);
    for (const [i, element] of elements.entries()) {
      const last = i === elements.length - 1;
      const flags = (last ? 0 : descriptorFlag.next) | (element.writable ? descriptorFlag.write : 0);
      const bytes = descriptor(element.address, element.length, flags, last ? 0 : i + 1);
      await this.memory.machine.writeBytes(address + descriptorBytes * i, bytes);
    }
    const table = { address, length: descriptorBytes * elements.length, writable: false };
    await this.writeDescriptor(head, table, descriptorFlag.indirect);
  }
}
