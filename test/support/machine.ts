import type { PciFunction, PciHost } from '../../src/pci/function.js';
import type { AccessWidth } from '../../src/virtio/registers.js';
import { TestMemory } from './memory.js';

export interface Message {
  readonly address: number;
  readonly data: number;
}

/** How an access reaches a function: as the program made it, or cut into bytes, low byte first, as an emulator may. */
export type Splitting = 'whole' | 'bytes';

/** A machine with one PCI slot: it records the interrupts, and decodes what the function says it decodes. */
export class TestMachine implements PciHost {
  readonly memory: TestMemory;
  /** Message-signalled interrupts, until a test takes them. */
  messages: Message[] = [];
  /** INTA#. */
  asserted = false;
  assertions = 0;
  /** Where each BAR is decoded now. */
  readonly mapped: (number | undefined)[] = [];
  splitting: Splitting = 'whole';
  /** Looks after each access whether the device wrote where it must not; costs time with large memories. */
  watching = true;
  private inserted!: PciFunction;

  constructor(inserted: PciFunction, memory = new TestMemory()) {
    this.memory = memory;
    this.insert(inserted);
  }

  /** Puts a function into the slot, in place of the one that was there. */
  insert(inserted: PciFunction): void {
    this.inserted = inserted;
    inserted.plug(this);
  }

  message(address: number, data: number): void {
    this.messages.push({ address, data });
  }

  interrupt(asserted: boolean): void {
    if (asserted && !this.asserted) this.assertions++;
    this.asserted = asserted;
  }

  mapBar(index: number, address: number | undefined): void {
    this.mapped[index] = address;
  }

  /** The messages since the last time. */
  takeMessages(): Message[] {
    return this.messages.splice(0);
  }

  readConfig(offset: number, width: AccessWidth): number {
    return this.watch(() => this.inserted.config.read(offset, width));
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    this.watch(() => this.inserted.config.write(offset, width, value));
  }

  /** A read of the memory bus. @throws when nothing is decoded there */
  read(address: number, width: AccessWidth): number {
    const { space, offset } = this.decode(address);
    return this.watch(() => {
      if (this.splitting === 'whole') return space.read(offset, width);
      let value = 0;
      for (let i = 0; i < width; i++) value += space.read(offset + i, 1) * 2 ** (8 * i);
      return value;
    });
  }

  write(address: number, width: AccessWidth, value: number): void {
    const { space, offset } = this.decode(address);
    this.watch(() => {
      if (this.splitting === 'whole') space.write(offset, width, value);
      else for (let i = 0; i < width; i++) space.write(offset + i, 1, (value >>> (8 * i)) & 0xff);
    });
  }

  /** Lets the device do something that does not start with an access. */
  watch<T>(work: () => T): T {
    return this.watching ? this.memory.watch(work) : work();
  }

  private decode(address: number) {
    const index = this.mapped.findIndex((start, i) => {
      return start !== undefined && address >= start && address < start + this.inserted.bars[i]!.size;
    });
    if (index < 0) throw new Error(`nothing is decoded at 0x${address.toString(16)}`);
    return { space: this.inserted.bars[index]!, offset: address - this.mapped[index]! };
  }
}
