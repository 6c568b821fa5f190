import type { TestMemory } from './memory.js';
import { descriptorFlag, type Element, type RingAddresses } from './naiveDriver.js';

/** A buffer as the driver described it. */
export interface NaiveBuffer {
  readonly head: number;
  readonly elements: Element[];
}

/** The driver broke a rule of virtio 2.7 or 2.8. */
export class NaiveFault extends Error {}

/** The device's side of a virtqueue, whatever its layout. */
export interface DeviceSide {
  /** The next buffer. @throws NaiveFault */
  take(): NaiveBuffer | undefined;
  /** Puts back the buffer that was taken last. */
  putBack(): void;
  /** Gives a buffer back. Answers where in the ring that is told, in 8 bytes. */
  use(head: number, written: number): number;
  /** Shows the driver what was used; whether it is to be notified. */
  publish(): boolean;
  /** Asks for notifications or for none; whether there is a buffer already. */
  want(wanted: boolean): boolean;
}

/**
 * The device's side of a split virtqueue, written from virtio 2.7 alone and as plainly as can be: it keeps no copy of
 * anything that stands in memory, goes through every ring entry one by one, and takes no care to be quick.
 */
export class NaiveDevice implements DeviceSide {
  private readonly memory: TestMemory;
  private readonly size: number;
  private readonly addresses: RingAddresses;
  private readonly features: { readonly indirect: boolean; readonly eventIndex: boolean };
  /** Buffers taken, used, and shown to the driver, counted from the start on and never wrapped. */
  private taken: number;
  private used: number;
  private shown: number;
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

  /** The next buffer. @throws NaiveFault */
  take(): NaiveBuffer | undefined {
    if (this.broken || !this.waiting) return undefined;
    try {
      const index = this.get16(this.addresses.driverArea + 2);
      let ahead = 0;
      while ((this.taken + ahead) % 65536 !== index) ahead++;
      // Each buffer holds a descriptor of the ring's table: there can't be more of them than descriptors.
      if (this.taken - this.used + ahead > this.size) throw new NaiveFault('more buffers than descriptors');
      const head = this.get16(this.addresses.driverArea + 4 + 2 * (this.taken % this.size));
      const elements = this.follow(head);
      this.taken++;
      return { head, elements };
    } catch (error) {
      this.broken = true;
      throw error;
    }
  }

  putBack(): void {
    this.taken--;
  }

  /** Gives a buffer back. Answers where in the used ring it stands. */
  use(head: number, written: number): number {
    const at = this.addresses.deviceArea + 4 + 8 * (this.used % this.size);
    this.memory.view.setUint32(at, head, true);
    this.memory.view.setUint32(at + 4, written, true);
    this.used++;
    return at;
  }

  /** Shows the driver what was used; whether it is to be notified (2.7.7.2). */
  publish(): boolean {
    let notify = false;
    for (; this.shown < this.used; this.shown++) {
      const usedEvent = this.get16(this.addresses.driverArea + 4 + 2 * this.size);
      const flags = this.get16(this.addresses.driverArea);
      notify ||= this.features.eventIndex ? this.shown % 65536 === usedEvent : flags % 2 === 0;
    }
    this.memory.view.setUint16(this.addresses.deviceArea + 2, this.used % 65536, true);
    return notify;
  }

  /** Asks for notifications or for none (2.7.10.1); whether there is a buffer already. */
  want(wanted: boolean): boolean {
    if (this.broken) return false;
    if (!this.features.eventIndex) {
      this.memory.view.setUint16(this.addresses.deviceArea, wanted ? 0 : 1, true);
    } else if (wanted) {
      this.memory.view.setUint16(this.addresses.deviceArea + 4 + 8 * this.size, this.taken % 65536, true);
    }
    return this.waiting;
  }

  private get waiting(): boolean {
    return this.get16(this.addresses.driverArea + 2) !== this.taken % 65536;
  }

  private follow(head: number): Element[] {
    const elements: Element[] = [];
    let table = this.addresses.descriptorArea;
    let entries = this.size;
    let nested = false;
    let index = head;
    for (;;) {
      if (index >= entries) throw new NaiveFault('an index beyond its table');
      const at = table + 16 * index;
      const address = this.memory.view.getBigUint64(at, true);
      const length = this.memory.view.getUint32(at + 8, true);
      const flags = this.get16(at + 12);
      const next = this.get16(at + 14);
      if (address + BigInt(length) > BigInt(this.memory.size)) throw new NaiveFault('a buffer beyond memory');
      if ((flags & descriptorFlag.indirect) !== 0) {
        if (!this.features.indirect) throw new NaiveFault('an indirect table that was not negotiated');
        if (nested) throw new NaiveFault('an indirect table in another');
        if ((flags & descriptorFlag.next) !== 0) throw new NaiveFault('an indirect table that is not the last');
        if (length % 16 !== 0 || length === 0) throw new NaiveFault('an indirect table of a part of a descriptor');
        table = Number(address);
        entries = length / 16;
        nested = true;
        index = 0;
        continue;
      }
      const writable = (flags & descriptorFlag.write) !== 0;
      if (!writable && elements.some((element) => element.writable)) throw new NaiveFault('readable behind writable');
      elements.push({ address: Number(address), length, writable });
      // A loop makes any chain too long.
      if (elements.length > this.size) throw new NaiveFault('a chain longer than the queue');
      if (elements.reduce((sum, element) => sum + element.length, 0) > 2 ** 32)
        throw new NaiveFault('a chain too long');
      if ((flags & descriptorFlag.next) === 0) return elements;
      index = next;
    }
  }

  private get16(address: number): number {
    return this.memory.view.getUint16(address, true);
  }
}
