import { UnexpectedCard } from './errors.js';
import type { DriverMemory } from './memory.js';
import type { PciCard } from './pciCard.js';
import type { Registers } from './registers.js';
import { registersFrom } from './registers.js';

const msixCapability = 0x11;
/** Message control (PCI 3.0, 6.8.2.3). */
const control = { offset: 2, tableSize: 0x7ff, functionMask: 0x4000, enable: 0x8000 } as const;
/** A table entry (6.8.2.6 to 6.8.2.9): its length, and where its parts are. */
const entry = { bytes: 16, addressLow: 0, addressHigh: 4, data: 8, vectorControl: 12 } as const;

/** "No vector" in the vector registers (virtio 4.1.5.1.2). */
export const noVector = 0xffff;

/**
 * MSI-X of a function, with every message going to a word of the driver's memory: what is not zero there has arrived. Two
 * messages between two looks count as one, as they may with a real interrupt controller.
 */
export class Msix {
  readonly size: number;
  /** Messages that `take` has found, by vector. */
  readonly counts: number[];
  private readonly memory: DriverMemory;
  private readonly card: PciCard;
  private readonly at: number;
  private readonly table: Registers;
  private readonly pending: Registers;
  private readonly words: number;

  private constructor(
    card: PciCard,
    memory: DriverMemory,
    place: { at: number; size: number; table: Registers; pending: Registers; words: number },
  ) {
    this.card = card;
    this.memory = memory;
    this.at = place.at;
    this.size = place.size;
    this.table = place.table;
    this.pending = place.pending;
    this.words = place.words;
    this.counts = new Array<number>(place.size).fill(0);
  }

  /** The function's MSI-X, or undefined when it has none. Nothing is written yet. Its BARs have a place. */
  static async find(card: PciCard, memory: DriverMemory): Promise<Msix | undefined> {
    const capability = (await card.capabilities()).find(({ id }) => id === msixCapability);
    if (!capability) return undefined;
    const at = capability.offset;
    const size = ((await card.read(at + control.offset, 2)) & control.tableSize) + 1;
    const table = await card.read(at + 4, 4);
    const pending = await card.read(at + 8, 4);
    return new Msix(card, memory, {
      at,
      size,
      table: registersFrom(card.bar(table & 7), (table & ~7) >>> 0),
      pending: registersFrom(card.bar(pending & 7), (pending & ~7) >>> 0),
      words: await memory.allocate(4 * size, 4),
    });
  }

  /** Fills in every entry, unmasked, and turns MSI-X on. */
  async enable(): Promise<void> {
    await this.setControl(control.enable | control.functionMask);
    for (let vector = 0; vector < this.size; vector++) {
      await this.setEntry(vector, this.words + 4 * vector, vector + 1);
      await this.mask(vector, false);
    }
    await this.setControl(control.enable);
  }

  disable(): Promise<void> {
    return this.setControl(0);
  }

  /** Masks or unmasks all vectors at once. */
  maskAll(masked: boolean): Promise<void> {
    return this.setControl(control.enable | (masked ? control.functionMask : 0));
  }

  mask(vector: number, masked: boolean): Promise<void> {
    return this.table.write(this.offsetOf(vector) + entry.vectorControl, 4, masked ? 1 : 0);
  }

  /** Where a vector's message goes, and what it is. */
  async setEntry(vector: number, address: number, data: number): Promise<void> {
    const offset = this.offsetOf(vector);
    await this.table.write(offset + entry.addressLow, 4, address >>> 0);
    await this.table.write(offset + entry.addressHigh, 4, Math.floor(address / 2 ** 32));
    await this.table.write(offset + entry.data, 4, data);
  }

  /** The vector's bit of the pending bit array. */
  async isPending(vector: number): Promise<boolean> {
    const word = await this.pending.read(4 * (vector >>> 5), 4);
    return (word & (1 << (vector & 31))) !== 0;
  }

  /** Whether the vector's message has arrived since the last time. */
  async take(vector: number): Promise<boolean> {
    const address = this.words + 4 * vector;
    if ((await this.memory.read32(address)) === 0) return false;
    await this.memory.write32(address, 0);
    this.counts[vector]++;
    return true;
  }

  /** All vectors whose message has arrived since the last time. */
  async takeAll(): Promise<number[]> {
    const taken: number[] = [];
    for (let vector = 0; vector < this.size; vector++) if (await this.take(vector)) taken.push(vector);
    return taken;
  }

  async readControl(): Promise<number> {
    return this.card.read(this.at + control.offset, 2);
  }

  private setControl(bits: number): Promise<void> {
    return this.card.write(this.at + control.offset, 2, bits);
  }

  private offsetOf(vector: number): number {
    if (vector < 0 || vector >= this.size) throw new UnexpectedCard(`the MSI-X table has no entry ${vector}`);
    return entry.bytes * vector;
  }
}
