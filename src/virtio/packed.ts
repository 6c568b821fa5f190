import { DescriptorChain } from './chain.js';
import type { ActiveQueue } from './device.js';
import type { GuestMemory } from './memory.js';
import type { HeldBuffer, QueueSetup, QueueState } from './queue.js';
import { descriptorBytes, descriptorFlag, largestQueue, Ring, type RingOptions } from './ring.js';

/** Flags of a descriptor beside those that both layouts have (2.8.1). */
const AVAILABLE = 1 << 7;
const USED = 1 << 15;
const bothFlags = AVAILABLE | USED;

/** A descriptor in words of 32 bits: address low and high, length, id and flags (2.8.13). */
const descriptorWords = descriptorBytes / 4;
const lengthWord = 2;
const idAndFlagsWord = 3;

/** An event suppression structure: offset and wrap counter in the low half, flags in the high half (2.8.14). */
const suppressionBytes = 4;
const event = { enable: 0, disable: 1, descriptor: 2 } as const;
const eventMask = 3;
const wrapBit = 0x8000;

/** In place of a place: two rounds or more lie between, so that every place was passed. */
const beyondAll = -1;

/**
 * The device's side of a packed virtqueue (virtio 2.8). A place in it is counted over two rounds of the ring, from 0 to
 * 2 × size - 1: in the first of them the wrap counter is 1, in the second 0.
 */
export class PackedQueue extends Ring implements ActiveQueue {
  /** Indices into `words32`. */
  private readonly descriptorRing: number;
  private readonly driverEvent: number;
  private readonly deviceEvent: number;
  private readonly rounds: number;

  /** The place of the descriptor to take next. */
  private nextAvailable = 0;
  /** The place of the descriptor that tells of the next used buffer. */
  private nextUsed = 0;
  /** The place up to which the driver sees what was used. */
  private publishedUsed = 0;
  /** The place up to which it saw that when it was decided last whether to interrupt it. */
  private decidedUsed = 0;
  /** The buffers that the device has: used ones may stand over their descriptors, so that only this knows them. */
  private readonly held: DescriptorChain[] = [];
  /** Those of a saved queue that nobody has retaken yet. */
  private readonly restored: DescriptorChain[] = [];

  /** @throws DriverFault when the driver's addresses or size can't be worked with */
  constructor(setup: QueueSetup, memory: GuestMemory, options: RingOptions) {
    super(setup, memory, options);
    const { size, descriptorArea, driverArea, deviceArea } = setup;
    if (size < 1 || size > largestQueue) this.fail('queue-size', `size ${size}`);
    this.claim(descriptorArea, 16, descriptorBytes * size);
    this.claim(driverArea, 4, suppressionBytes);
    this.claim(deviceArea, 4, suppressionBytes);
    this.descriptorRing = descriptorArea >>> 2;
    this.driverEvent = driverArea >>> 2;
    this.deviceEvent = deviceArea >>> 2;
    this.rounds = 2 * size;
  }

  next(): DescriptorChain | undefined {
    if (this.broken || this.paused || !this.isAvailable(this.nextAvailable)) return undefined;
    const chain = this.spare.pop() ?? new DescriptorChain();
    this.read(chain);
    this.nextAvailable = this.ahead(this.nextAvailable, chain.slots);
    this.hold(chain);
    return chain;
  }

  rewind(chain: DescriptorChain): void {
    this.nextAvailable = this.ahead(this.nextAvailable, this.rounds - chain.slots);
    this.release(chain);
  }

  complete(chain: DescriptorChain, written: number): void {
    // It happens only where a fault came up while the buffer was worked on: its driver has to reset the device anyway.
    if (this.paused) return;
    const words = this.memory.words32;
    const place = this.nextUsed;
    const at = this.descriptorAt(place);
    words[at + lengthWord] = written;
    // The driver looks at one descriptor after the other: as long as the first one is not used, it sees none (2.8.9).
    const flags = place === this.publishedUsed ? words[at + idAndFlagsWord] >>> 16 : this.usedFlags(place, written);
    words[at + idAndFlagsWord] = chain.head | (flags << 16);
    this.nextUsed = this.ahead(place, chain.slots);
    this.release(chain);
  }

  show(): void {
    if (this.paused || this.nextUsed === this.publishedUsed) return;
    const { memory, publishedUsed: before } = this;
    const at = this.descriptorAt(before);
    this.store16(2 * (at + idAndFlagsWord) + 1, this.usedFlags(before, memory.words32[at + lengthWord]));
    const count = this.distance(before, this.nextUsed);
    this.tellWritten(this.offset(before), count);
    this.publishedUsed = this.nextUsed;
    if (this.decidedUsed >= 0 && this.distance(this.decidedUsed, before) + count >= this.rounds) {
      this.decidedUsed = beyondAll;
    }
  }

  wantsInterrupt(): boolean {
    const { decidedUsed: before, publishedUsed } = this;
    if (this.paused || publishedUsed === before) return false;
    this.decidedUsed = publishedUsed;
    // The driver's wish counts as it stands once the descriptors are visible (2.8.10).
    const suppression = this.load32(this.driverEvent);
    const kind = (suppression >>> 16) & eventMask;
    if (kind === event.disable) return false;
    if (kind !== event.descriptor || !this.options.eventIndex) return true;
    const wanted = (suppression & ~wrapBit & 0xffff) + (suppression & wrapBit ? 0 : this.size);
    if (before === beyondAll) return true;
    const passed = this.distance(wanted, publishedUsed);
    return passed > 0 && passed <= this.distance(before, publishedUsed);
  }

  publish(): boolean {
    this.show();
    return this.wantsInterrupt();
  }

  wantNotifications(wanted: boolean): boolean {
    if (this.broken || this.paused) return false;
    const { memory, nextAvailable, deviceEvent } = this;
    let suppression: number = wanted ? event.enable : event.disable << 16;
    if (wanted && this.options.eventIndex) {
      const wrap = nextAvailable < this.size ? wrapBit : 0;
      suppression = (event.descriptor << 16) | wrap | this.offset(nextAvailable);
    }
    if (memory.words32[deviceEvent] !== suppression) {
      this.store32(deviceEvent, suppression);
      memory.written(4 * deviceEvent, suppressionBytes);
    }
    return this.isAvailable(nextAvailable);
  }

  save(): QueueState {
    const { nextAvailable, nextUsed, publishedUsed, decidedUsed } = this;
    const held = [...this.restored, ...this.held].map(saveChain);
    return { nextAvailable, nextUsed, publishedUsed, decidedUsed, held };
  }

  restore(state: QueueState): void {
    this.nextAvailable = state.nextAvailable;
    this.nextUsed = state.nextUsed;
    this.publishedUsed = state.publishedUsed;
    this.decidedUsed = state.decidedUsed;
    this.restored.push(...(state.held ?? []).map(restoreChain));
  }

  retake(id: number): DescriptorChain {
    const index = this.restored.findIndex((chain) => chain.head === id);
    if (index < 0) throw new RangeError(`the saved state has no buffer ${id} of queue ${this.index}`);
    const [chain] = this.restored.splice(index, 1);
    this.hold(chain);
    return chain;
  }

  /** Reads the buffer that starts at the next place: a list of descriptors, or a single one with a table. */
  private read(chain: DescriptorChain): void {
    const words = this.memory.words32;
    const room = this.size - this.distance(this.publishedUsed, this.nextAvailable);
    chain.start(0);
    for (let place = this.nextAvailable; ; place = this.ahead(place, 1)) {
      if (chain.slots >= room) this.fail('available-index', `a buffer takes more than ${room} descriptors`);
      if (!this.isAvailable(place)) this.fail('list-incomplete', `the descriptor at ${this.offset(place)}`);
      const at = this.descriptorAt(place);
      const length = words[at + lengthWord];
      const flags = words[at + idAndFlagsWord] >>> 16;
      const address = this.bufferAddress(4 * at, length);
      if (flags & descriptorFlag.indirect) {
        const entries = this.tableEntries(length, flags);
        if (chain.slots > 0) this.fail('indirect-in-list', `the descriptor at ${this.offset(place)}`);
        this.readTable(chain, address, entries);
      } else {
        this.addTo(chain, address, length, flags);
      }
      chain.slots++;
      if (!(flags & descriptorFlag.next)) {
        chain.head = words[at + idAndFlagsWord] & 0xffff;
        return;
      }
    }
  }

  /** The descriptors of a table follow each other; no flag but that for writing counts (2.8.7). */
  private readTable(chain: DescriptorChain, table: number, entries: number): void {
    const { data } = this.memory;
    const end = table + descriptorBytes * entries;
    for (let at = table; at < end; at += descriptorBytes) {
      const length = data.getUint32(at + 4 * lengthWord, true);
      const address = this.bufferAddress(at, length);
      this.addTo(chain, address, length, data.getUint32(at + 4 * idAndFlagsWord, true) >>> 16);
    }
  }

  /** Whether the driver has made the descriptor at that place available (2.8.1). */
  private isAvailable(place: number): boolean {
    const flags = this.load32(this.descriptorAt(place) + idAndFlagsWord) >>> 16;
    return (flags & bothFlags) === (place < this.size ? AVAILABLE : USED);
  }

  /** The flags that tell that the descriptor at that place is used. */
  private usedFlags(place: number, written: number): number {
    return (place < this.size ? bothFlags : 0) | (written > 0 ? descriptorFlag.write : 0);
  }

  /** Tells of `count` descriptors from the one at `first` on, which may go around the ring's end. */
  private tellWritten(first: number, count: number): void {
    const { memory, size, descriptorRing } = this;
    const start = 4 * descriptorRing;
    const whole = Math.min(count, size - first);
    memory.written(start + descriptorBytes * first, descriptorBytes * whole);
    if (whole < count) memory.written(start, descriptorBytes * (count - whole));
  }

  private hold(chain: DescriptorChain): void {
    chain.place = this.held.length;
    this.held.push(chain);
  }

  /** The chain is not the device's any more; the one held last takes its place. */
  private release(chain: DescriptorChain): void {
    const last = this.held.pop()!;
    if (last !== chain) {
      last.place = chain.place;
      this.held[chain.place] = last;
    }
    this.spare.push(chain);
  }

  private descriptorAt(place: number): number {
    return this.descriptorRing + descriptorWords * this.offset(place);
  }

  private offset(place: number): number {
    return place < this.size ? place : place - this.size;
  }

  private ahead(place: number, count: number): number {
    const sum = place + count;
    return sum < this.rounds ? sum : sum - this.rounds;
  }

  /** How many descriptors there are from one place to another. */
  private distance(from: number, to: number): number {
    return to < from ? to - from + this.rounds : to - from;
  }
}

function saveChain(chain: DescriptorChain): HeldBuffer {
  const { head, slots, readableCount } = chain;
  const ranges = Array.from({ length: chain.count }, (_, i): [number, number] => [
    chain.addresses[i],
    chain.lengths[i],
  ]);
  return { head, slots, readableCount, ranges };
}

function restoreChain({ head, slots, readableCount, ranges }: HeldBuffer): DescriptorChain {
  const chain = new DescriptorChain();
  chain.start(head);
  chain.slots = slots;
  ranges.forEach(([address, length], i) => chain.add(address, length, i >= readableCount));
  return chain;
}
