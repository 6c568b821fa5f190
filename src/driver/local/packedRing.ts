import { DeviceError } from '../machine.js';
import { descriptorFlag, type InterruptWish } from '../ring.js';
import type { LocalMemory } from './memory.js';
import { descriptorWords, type LocalRing, type LocalRingOptions, type RingPlace } from './ring.js';
import { RingState } from './ringState.js';

/** RING_EVENT_FLAGS_* (virtio 2.8.10). */
const event = { enable: 0, disable: 1, descriptor: 2 } as const;
const wrapBit = 0x8000;
const bothFlags = descriptorFlag.available | descriptorFlag.used;

/** Of the last word of a descriptor: id, and flags. */
const idAndFlags = 3;
const nothing = -1;

/** A packed virtqueue (virtio 2.8) in memory of this process. Places are counted over two rounds of the ring. */
export class LocalPackedRing extends RingState implements LocalRing {
  private readonly size: number;
  /** Indices into `words32`. */
  private readonly descriptors: number;
  private readonly driverEvent: number;
  private readonly deviceEvent: number;

  /** The first `ids.length - outstanding` of them are free. */
  private readonly ids: Uint16Array;
  /** Where the next descriptor is made available: from 0 to 2 × size - 1; the wrap counter is 1 in the first half. */
  private nextAvailable = 0;
  private published = 0;
  private nextUsed = 0;
  /** Of the first descriptor added since the last `publish`: where its last word goes, and the word. */
  private firstAt = nothing;
  private firstWord = 0;

  /** @param place of a ring in zeroed memory */
  constructor(memory: LocalMemory, place: RingPlace, options: LocalRingOptions) {
    super(memory, place, options);
    const { size, descriptorArea, driverArea, deviceArea } = place;
    this.size = size;
    this.descriptors = descriptorArea / 4;
    this.driverEvent = driverArea / 4;
    this.deviceEvent = deviceArea / 4;
    this.ids = Uint16Array.from({ length: size }, (_, i) => size - 1 - i);
  }

  get position(): number {
    return this.withWrap(this.published);
  }

  add(parts: Uint32Array, count: number, writable: boolean): number {
    const { tables } = this;
    const inTable = tables !== undefined && count > 1 && count <= tables.entries;
    const needed = inTable ? 1 : count;
    if (needed > this.free) return nothing;
    const id = this.ids[this.size - this.outstanding - 1];
    if (inTable) {
      const table = tables.at(id);
      this.writeTable(table, parts, count, writable);
      this.write(4 * table, 4 * descriptorWords * count, id, descriptorFlag.indirect);
    } else {
      const flags = writable ? descriptorFlag.write : 0;
      for (let i = 0; i < count; i++) {
        const next = i < count - 1 ? descriptorFlag.next : 0;
        this.write(parts[2 * i], parts[2 * i + 1], id, flags | next);
      }
    }
    this.counts[id] = needed;
    this.free -= needed;
    this.outstanding++;
    return id;
  }

  publish(): boolean {
    const { signed32 } = this.memory;
    const before = this.published;
    this.published = this.nextAvailable;
    // The device looks at one descriptor after the other: all that was added is there once the first one is (2.8.21.1),
    // and the device's wish is looked at after that (2.8.21.3.1): these are in one order for all.
    if (this.firstAt !== nothing) Atomics.store(signed32, this.firstAt, this.firstWord);
    this.firstAt = nothing;
    const suppression = Atomics.load(signed32, this.deviceEvent);
    const kind = (suppression >>> 16) & 3;
    if (kind !== event.descriptor || !this.eventIndex) return kind !== event.disable;
    const wanted = (suppression & ~wrapBit & 0xffff) + (suppression & wrapBit ? 0 : this.size);
    return this.distance(before, wanted) < this.distance(before, this.published);
  }

  take(): number {
    const { words32, signed32 } = this.memory;
    const at = this.descriptorAt(this.nextUsed);
    // Before the rest of the descriptor is read (2.8.22).
    const word = Atomics.load(signed32, at + idAndFlags);
    if (!this.isUsed(word >>> 16)) return nothing;
    const id = word & 0xffff;
    const count = id < this.size ? this.counts[id] : 0;
    if (count === 0) throw new DeviceError(`the device used buffer ${id}, which it was not given`);
    this.written = words32[at + 2];
    this.counts[id] = 0;
    this.outstanding--;
    this.ids[this.size - this.outstanding - 1] = id;
    this.free += count;
    this.nextUsed = this.ahead(this.nextUsed, count);
    return id;
  }

  wantInterrupts(wish: InterruptWish): boolean {
    const { signed32 } = this.memory;
    let suppression: number = event.enable << 16;
    if (wish === 'never') suppression = event.disable << 16;
    else if (this.eventIndex) {
      const ahead = wish === 'always' ? 0 : wish.after - 1;
      suppression = (event.descriptor << 16) | this.withWrap(this.ahead(this.nextUsed, ahead));
    }
    Atomics.store(signed32, this.driverEvent, suppression);
    return this.isUsed(Atomics.load(signed32, this.descriptorAt(this.nextUsed) + idAndFlags) >>> 16);
  }

  /** Writes the next descriptor of the ring, of the first one since `publish` all but its last word. */
  private write(address: number, length: number, id: number, flags: number): void {
    const { words32 } = this.memory;
    const at = this.descriptorAt(this.nextAvailable);
    const round = this.nextAvailable < this.size ? descriptorFlag.available : descriptorFlag.used;
    const word = id | ((flags | round) << 16);
    words32[at] = address;
    words32[at + 1] = 0;
    words32[at + 2] = length;
    if (this.firstAt === nothing) {
      // Until then there stands what was there in the round before, which is not available in this one.
      this.firstAt = at + idAndFlags;
      this.firstWord = word;
    } else {
      words32[at + idAndFlags] = word;
    }
    this.nextAvailable = this.ahead(this.nextAvailable, 1);
  }

  private writeTable(table: number, parts: Uint32Array, count: number, writable: boolean): void {
    const { words32 } = this.memory;
    for (let i = 0; i < count; i++) {
      const at = table + descriptorWords * i;
      words32[at] = parts[2 * i];
      words32[at + 1] = 0;
      words32[at + 2] = parts[2 * i + 1];
      words32[at + 3] = (writable ? descriptorFlag.write : 0) << 16;
    }
  }

  private isUsed(flags: number): boolean {
    return (flags & bothFlags) === (this.nextUsed < this.size ? bothFlags : 0);
  }

  private descriptorAt(place: number): number {
    return this.descriptors + descriptorWords * (place < this.size ? place : place - this.size);
  }

  /** A place as the event suppression structures and notifications have it. */
  private withWrap(place: number): number {
    return place < this.size ? place | wrapBit : place - this.size;
  }

  private ahead(place: number, count: number): number {
    const sum = place + count;
    return sum < 2 * this.size ? sum : sum - 2 * this.size;
  }

  /** How many descriptors there are from one place to another. */
  private distance(from: number, to: number): number {
    return to < from ? to - from + 2 * this.size : to - from;
  }
}
