import type { GuestMemory } from './memory.js';

/** Emulators keep translated code by pages: that several bytes of one were written is to be told once. */
const pageShift = 12;

/** What a device wrote and its emulator was not told of yet: a stretch of pages, in each of which something was written. */
export class WrittenPages {
  private readonly memory: GuestMemory;
  private start = 0;
  /** Not past `start` where there is nothing to tell. */
  private end = 0;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  /** The device wrote these bytes, at least one, which are guest memory. */
  add(address: number, length: number): void {
    const { start, end } = this;
    const last = address + length;
    const joins =
      end > start &&
      address >>> pageShift <= ((end - 1) >>> pageShift) + 1 &&
      (last - 1) >>> pageShift >= (start >>> pageShift) - 1;
    if (joins) {
      if (address < start) this.start = address;
      if (last > end) this.end = last;
      return;
    }
    this.tell();
    this.start = address;
    this.end = last;
  }

  /** Tells the emulator of all of it: before the guest may look at it. */
  tell(): void {
    const { start, end } = this;
    if (end <= start) return;
    this.end = start;
    this.memory.written(start, end - start);
  }
}
