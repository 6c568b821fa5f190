import type { TestMemory } from './memory.js';
import { NaiveFault, type DeviceSide, type NaiveBuffer } from './naiveDevice.js';
import type { Element, RingAddresses } from './naiveDriver.js';
import { packedFlag, suppression } from './packedDriver.js';

/** What a descriptor says, wherever it stands (virtio 2.8.13). */
interface Row {
  readonly element: Element;
  readonly id: number;
  readonly flags: number;
}

/**
 * The device's side of a packed virtqueue, written from virtio 2.8 alone and as plainly as can be: places are counted
 * without end, used descriptors are written when they are shown, the first of them last.
 */
export class PackedDevice implements DeviceSide {
  private readonly memory: TestMemory;
  private readonly size: number;
  private readonly addresses: RingAddresses;
  private readonly features: { readonly indirect: boolean; readonly eventIndex: boolean };
  private taken: number;
  private used: number;
  private shown: number;
  /** Descriptors of each buffer that was taken, by head; those of one head in the order in which they were taken. */
  private readonly slots = new Map<number, number[]>();
  private readonly order: { head: number; slots: number }[] = [];
  private unshown: { place: number; head: number; written: number }[] = [];
  private broken = false;

  constructor(
    memory: TestMemory,
    size: number,
    addresses: RingAddresses,
    features: { indirect: boolean; eventIndex: boolean },
    start = 0,
  ) {
    this.memory = memory;
    this.size = size;
    this.addresses = addresses;
    this.features = features;
    this.taken = this.used = this.shown = start;
  }

  take(): NaiveBuffer | undefined {
    if (this.broken || !this.isAvailable(this.taken)) return undefined;
    try {
      const rows = this.list();
      const last = rows[rows.length - 1];
      const elements = last.flags & packedFlag.indirect ? this.table(rows) : rows.map(({ element }) => element);
      this.check(elements);
      this.taken += rows.length;
      this.slots.set(last.id, [...(this.slots.get(last.id) ?? []), rows.length]);
      this.order.push({ head: last.id, slots: rows.length });
      return { head: last.id, elements };
    } catch (error) {
      this.broken = true;
      throw error;
    }
  }

  putBack(): void {
    const { head, slots } = this.order.pop()!;
    this.taken -= slots;
    this.slots.get(head)!.pop();
  }

  use(head: number, written: number): number {
    const place = this.used;
    this.unshown.push({ place, head, written });
    this.used += this.slots.get(head)!.shift()!;
    return this.descriptor(place) + 8;
  }

  publish(): boolean {
    for (const { place, head, written } of this.unshown.reverse()) {
      const at = this.descriptor(place);
      const flags = (this.wrap(place) ? packedFlag.available | packedFlag.used : 0) | (written ? packedFlag.write : 0);
      this.memory.view.setUint32(at + 8, written, true);
      this.memory.view.setUint16(at + 12, head, true);
      this.memory.view.setUint16(at + 14, flags, true);
    }
    this.unshown = [];
    const wanted = this.get16(this.addresses.driverArea + 2) & 3;
    const position = this.get16(this.addresses.driverArea);
    let notify = false;
    for (; this.shown < this.used; this.shown++) {
      const here = (this.shown % this.size) | (this.wrap(this.shown) << 15);
      if (wanted === suppression.descriptor && this.features.eventIndex) notify ||= here === position;
      else notify ||= wanted !== suppression.disable;
    }
    return notify;
  }

  want(wanted: boolean): boolean {
    if (this.broken) return false;
    const flags = !wanted
      ? suppression.disable
      : this.features.eventIndex
        ? suppression.descriptor
        : suppression.enable;
    const position = (this.taken % this.size) | (this.wrap(this.taken) << 15);
    const { deviceArea } = this.addresses;
    this.memory.view.setUint16(deviceArea, flags === suppression.descriptor ? position : 0, true);
    this.memory.view.setUint16(deviceArea + 2, flags, true);
    return this.isAvailable(this.taken);
  }

  /** The descriptors of the next buffer in the ring itself. */
  private list(): Row[] {
    const rows: Row[] = [];
    for (;;) {
      const place = this.taken + rows.length;
      if (place >= this.shown + this.size) throw new NaiveFault('a descriptor that the device has');
      if (!this.isAvailable(place)) throw new NaiveFault('a list that is not available as a whole');
      const row = this.row(this.descriptor(place));
      if (row.flags & packedFlag.indirect) {
        if (rows.length > 0) throw new NaiveFault('an indirect table in a list');
        if (row.flags & packedFlag.next) throw new NaiveFault('an indirect table before others');
      }
      rows.push(row);
      if ((row.flags & packedFlag.next) === 0) return rows;
    }
  }

  private table([{ element }]: Row[]): Element[] {
    if (!this.features.indirect) throw new NaiveFault('an indirect table that was not negotiated');
    const { address, length } = element;
    if (length === 0 || length % 16 !== 0) throw new NaiveFault('an indirect table of a part of a descriptor');
    return Array.from({ length: Math.min(length / 16, this.size + 1) }, (_, i) => this.row(address + 16 * i).element);
  }

  private check(elements: Element[]): void {
    if (elements.length > this.size) throw new NaiveFault('a list longer than the queue');
    if (elements.reduce((sum, { length }) => sum + length, 0) > 2 ** 32) throw new NaiveFault('a list too long');
    const firstWritable = elements.findIndex(({ writable }) => writable);
    if (firstWritable >= 0 && elements.slice(firstWritable).some(({ writable }) => !writable)) {
      throw new NaiveFault('readable behind writable');
    }
  }

  private row(at: number): Row {
    const address = this.memory.view.getBigUint64(at, true);
    const length = this.memory.view.getUint32(at + 8, true);
    if (address + BigInt(length) > BigInt(this.memory.size)) throw new NaiveFault('a buffer beyond memory');
    const flags = this.get16(at + 14);
    const writable = (flags & packedFlag.write) !== 0;
    return { element: { address: Number(address), length, writable }, id: this.get16(at + 12), flags };
  }

  private isAvailable(place: number): boolean {
    const flags = this.get16(this.descriptor(place) + 14);
    const [available, used] = [packedFlag.available, packedFlag.used].map((flag) => (flags & flag) !== 0);
    return available === (this.wrap(place) === 1) && used !== available;
  }

  private descriptor(place: number): number {
    return this.addresses.descriptorArea + 16 * (place % this.size);
  }

  private wrap(place: number): 0 | 1 {
    return Math.floor(place / this.size) % 2 === 0 ? 1 : 0;
  }

  private get16(address: number): number {
    return this.memory.view.getUint16(address, true);
  }
}
