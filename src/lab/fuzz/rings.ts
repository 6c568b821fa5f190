import { zones, type WatchedMemory } from './memory.js';

/** One element of a buffer, as it is written into a descriptor, right or wrong. */
export interface Element {
  readonly address: number;
  readonly length: number;
  /** Bits of a descriptor's flags; `next` is set by the ring. */
  readonly flags: number;
}

export const flag = { next: 1, write: 2, indirect: 4 } as const;
const packedAvailable = 0x80;
const packedUsed = 0x8000;

/** Each queue has two pages: the first for descriptors and what the driver writes, the second for the device. */
const ringBytes = 0x2000;
const driverEventOffset = 0x800;
const deviceOffset = 0x1000;
/** As many queues as there is room for. */
export const mostQueues = (zones.rings.end - zones.rings.start) / ringBytes;

/** The driver's side of a queue in either layout. It writes what it is told to, and believes nothing of what it reads. */
export class FuzzRing {
  readonly packed: boolean;
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  private readonly memory: WatchedMemory;
  private next = 0;
  private wrap = true;
  private available = 0;
  private used = 0;

  constructor(memory: WatchedMemory, queue: number, size: number, packed: boolean) {
    this.memory = memory;
    this.packed = packed;
    this.size = size;
    const base = zones.rings.start + ringBytes * queue;
    this.descriptorArea = base;
    this.driverArea = packed ? base + driverEventOffset : base + 16 * size;
    this.deviceArea = base + deviceOffset;
    memory.clear(base, ringBytes);
    if (packed) memory.allowRing(base, 16 * size);
    memory.allowRing(this.deviceArea, packed ? 4 : 6 + 8 * size);
  }

  /** Makes a buffer available. */
  add(elements: readonly Element[]): void {
    if (this.packed) this.addPacked(elements);
    else this.addSplit(elements);
  }

  /** Writes a table for an indirect descriptor, and answers that. */
  table(address: number, elements: readonly Element[]): Element {
    elements.forEach((element, i) => {
      const more = i < elements.length - 1 && !this.packed;
      this.describe(address + 16 * i, element, more ? flag.next : 0, i + 1);
    });
    return { address, length: 16 * elements.length, flags: flag.indirect };
  }

  /** The driver wants an interrupt, or none, or one by its event index. */
  wish(flags: number, event: number): void {
    if (this.packed) {
      this.memory.put16(this.driverArea, event);
      this.memory.put16(this.driverArea + 2, flags);
    } else {
      this.memory.put16(this.driverArea, flags);
      this.memory.put16(this.driverArea + 4 + 2 * this.size, event);
    }
  }

  /** The available index goes on, or back, by so many. */
  jump(by: number): void {
    if (this.packed) return;
    this.available = (this.available + by) & 0xffff;
    this.memory.put16(this.driverArea + 2, this.available);
  }

  /** The ids and lengths of the buffers that were used since this was asked last; for a driver that does all right. */
  collect(): { id: number; length: number }[] {
    const found: { id: number; length: number }[] = [];
    const { memory } = this;
    while (!this.packed && this.used !== memory.get16(this.deviceArea + 2)) {
      const at = this.deviceArea + 4 + 8 * (this.used % this.size);
      found.push({ id: memory.get16(at), length: memory.get16(at + 4) });
      this.used = (this.used + 1) & 0xffff;
    }
    return found;
  }

  private addSplit(elements: readonly Element[]): void {
    const { memory, size } = this;
    const head = this.next;
    elements.forEach((element, i) => {
      const at = this.next;
      this.next = (this.next + 1) % size;
      this.describe(this.descriptorArea + 16 * at, element, i < elements.length - 1 ? flag.next : 0, this.next);
    });
    memory.put16(this.driverArea + 4 + 2 * (this.available % size), head);
    this.available = (this.available + 1) & 0xffff;
    memory.put16(this.driverArea + 2, this.available);
  }

  private addPacked(elements: readonly Element[]): void {
    const id = this.next;
    elements.forEach((element, i) => {
      const more = i < elements.length - 1 ? flag.next : 0;
      const at = this.descriptorArea + 16 * this.next;
      this.describe(at, { ...element, flags: element.flags | (this.wrap ? packedAvailable : packedUsed) }, more, id);
      // The third field is the id, the fourth the flags: the other way round than in a split ring.
      const flags = this.memory.get16(at + 12);
      this.memory.put16(at + 12, this.memory.get16(at + 14));
      this.memory.put16(at + 14, flags);
      this.next++;
      if (this.next < this.size) return;
      this.next = 0;
      this.wrap = !this.wrap;
    });
  }

  private describe(at: number, { address, length, flags }: Element, more: number, last: number): void {
    const { memory } = this;
    memory.put32(at, address % 2 ** 32);
    memory.put32(at + 4, Math.floor(address / 2 ** 32));
    memory.put32(at + 8, length);
    memory.put16(at + 12, flags | more);
    memory.put16(at + 14, last);
    if (flags & flag.write) memory.allow(address, length);
  }
}
