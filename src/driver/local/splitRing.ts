import { DeviceError } from '../machine.js';
import { descriptorFlag, type InterruptWish } from '../ring.js';
import type { LocalMemory } from './memory.js';
import { descriptorWords, type LocalRing, type LocalRingOptions, type RingPlace } from './ring.js';
import { RingState } from './ringState.js';

/** VIRTQ_AVAIL_F_NO_INTERRUPT and VIRTQ_USED_F_NO_NOTIFY (virtio 2.7.6, 2.7.8). */
const noInterrupt = 1;
const noNotify = 1;

/** A split virtqueue (virtio 2.7) in memory of this process. */
export class LocalSplitRing extends RingState implements LocalRing {
  /** Indices are 16 bits wide, and a ring's size is a power of two. */
  private readonly mask: number;
  /** Indices into `words32`. */
  private readonly descriptors: number;
  private readonly usedRing: number;
  /** Indices into `words16`. */
  private readonly availableFlags: number;
  private readonly availableIndex: number;
  private readonly availableRing: number;
  private readonly usedEvent: number;
  private readonly usedFlags: number;
  private readonly usedIndex: number;
  private readonly availableEvent: number;

  /** Descriptors in a list, by index the one behind it: those that are free, and each buffer's, are stretches of it. */
  private readonly behind: Uint16Array;
  private firstFree = 0;
  private lastFree: number;
  /** Of each buffer that the device has, by its first descriptor: the last. */
  private readonly lasts: Uint16Array;
  private nextAvailable = 0;
  private published = 0;
  private nextUsed = 0;
  private seenUsed = 0;

  /** @param place of a ring in zeroed memory */
  constructor(memory: LocalMemory, place: RingPlace, options: LocalRingOptions) {
    super(memory, place, options);
    const { size, descriptorArea, driverArea, deviceArea } = place;
    this.mask = size - 1;
    this.descriptors = descriptorArea / 4;
    this.availableFlags = driverArea / 2;
    this.availableIndex = this.availableFlags + 1;
    this.availableRing = this.availableFlags + 2;
    this.usedEvent = this.availableRing + size;
    this.usedFlags = deviceArea / 2;
    this.usedIndex = this.usedFlags + 1;
    this.usedRing = deviceArea / 4 + 1;
    this.availableEvent = this.usedFlags + 2 + 4 * size;
    this.behind = Uint16Array.from({ length: size }, (_, i) => i + 1);
    this.lastFree = size - 1;
    this.lasts = new Uint16Array(size);
  }

  get position(): number {
    return this.published;
  }

  add(parts: Uint32Array, count: number, writable: boolean): number {
    const { tables } = this;
    const inTable = tables !== undefined && count > 1 && count <= tables.entries;
    const needed = inTable ? 1 : count;
    if (needed > this.free) return -1;
    const head = this.firstFree;
    const last = inTable
      ? this.writeTable(head, tables.at(head), parts, count, writable)
      : this.writeChain(head, parts, count, writable);
    this.firstFree = this.behind[last];
    this.free -= needed;
    this.counts[head] = needed;
    this.lasts[head] = last;
    this.outstanding++;
    this.memory.words16[this.availableRing + (this.nextAvailable & this.mask)] = head;
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff;
    return head;
  }

  publish(): boolean {
    const { words16 } = this.memory;
    const before = this.published;
    this.published = this.nextAvailable;
    // After the entries, and before the device's wish is looked at (2.7.13.3, 2.7.13.4): these are in one order for all.
    Atomics.store(words16, this.availableIndex, this.published);
    if (!this.eventIndex) return (Atomics.load(words16, this.usedFlags) & noNotify) === 0;
    const event = Atomics.load(words16, this.availableEvent);
    return ((this.published - event - 1) & 0xffff) < ((this.published - before) & 0xffff);
  }

  take(): number {
    if (this.nextUsed === this.seenUsed && !this.look()) return -1;
    const { words32 } = this.memory;
    const at = this.usedRing + 2 * (this.nextUsed & this.mask);
    const id = words32[at];
    const count = id <= this.mask ? this.counts[id] : 0;
    if (count === 0) throw new DeviceError(`the device used buffer ${id}, which it was not given`);
    this.written = words32[at + 1];
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.counts[id] = 0;
    if (this.free === 0) this.firstFree = id;
    else this.behind[this.lastFree] = id;
    this.lastFree = this.lasts[id];
    this.free += count;
    this.outstanding--;
    return id;
  }

  wantInterrupts(wish: InterruptWish): boolean {
    const { words16 } = this.memory;
    if (this.eventIndex) {
      // An event that lies half of the index's range behind is one that does not come.
      const ahead = wish === 'always' ? 0 : wish === 'never' ? 0x8000 : wish.after - 1;
      Atomics.store(words16, this.usedEvent, (this.nextUsed + ahead) & 0xffff);
    } else {
      Atomics.store(words16, this.availableFlags, wish === 'never' ? noInterrupt : 0);
    }
    return Atomics.load(words16, this.usedIndex) !== this.nextUsed;
  }

  /** Whether there are used buffers that were not seen yet. */
  private look(): boolean {
    // Before the elements are read (2.7.14).
    this.seenUsed = Atomics.load(this.memory.words16, this.usedIndex);
    const fresh = (this.seenUsed - this.nextUsed) & 0xffff;
    if (fresh > this.outstanding) {
      throw new DeviceError(`the used index went on by ${fresh}, and the device had ${this.outstanding} buffers`);
    }
    return fresh > 0;
  }

  /** Answers the last descriptor of the chain. */
  private writeChain(head: number, parts: Uint32Array, count: number, writable: boolean): number {
    const { behind, descriptors } = this;
    const flags = writable ? descriptorFlag.write : 0;
    let index = head;
    for (let i = 0; i < count - 1; i++) {
      const next = behind[index];
      this.write(descriptors + descriptorWords * index, parts, i, flags | descriptorFlag.next | (next << 16));
      index = next;
    }
    this.write(descriptors + descriptorWords * index, parts, count - 1, flags);
    return index;
  }

  private writeTable(head: number, table: number, parts: Uint32Array, count: number, writable: boolean): number {
    const { words32 } = this.memory;
    const flags = writable ? descriptorFlag.write : 0;
    for (let i = 0; i < count; i++) {
      const next = i < count - 1 ? descriptorFlag.next | ((i + 1) << 16) : 0;
      this.write(table + descriptorWords * i, parts, i, flags | next);
    }
    const at = this.descriptors + descriptorWords * head;
    words32[at] = 4 * table;
    words32[at + 1] = 0;
    words32[at + 2] = 4 * descriptorWords * count;
    words32[at + 3] = descriptorFlag.indirect;
    return head;
  }

  private write(at: number, parts: Uint32Array, part: number, flagsAndNext: number): void {
    const { words32 } = this.memory;
    words32[at] = parts[2 * part];
    words32[at + 1] = 0;
    words32[at + 2] = parts[2 * part + 1];
    words32[at + 3] = flagsAndNext;
  }
}
