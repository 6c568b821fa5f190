import { DescriptorChain } from './chain.js';
import type { ActiveQueue } from './device.js';
import type { GuestMemory } from './memory.js';
import type { QueueSetup, QueueState } from './queue.js';
import { descriptorBytes, descriptorFlag, largestQueue, Ring, type RingOptions } from './ring.js';

/** Flag of the available ring (2.7.6): the driver wants no interrupt. */
const NO_INTERRUPT = 1;
/** Flag of the used ring (2.7.8): the device wants no notification. */
const NO_NOTIFY = 1;

/** The device's side of a split virtqueue (virtio 2.7). */
export class SplitQueue extends Ring implements ActiveQueue {
  private readonly descriptorTable: number;
  /** Indices into `words16` of the fields of the available ring. */
  private readonly availableFlags: number;
  private readonly availableIndex: number;
  private readonly availableRing: number;
  private readonly usedEvent: number;
  /** Indices into `words16`, and for the ring's elements into `words32`, of the fields of the used ring. */
  private readonly usedFlags: number;
  private readonly usedIndex: number;
  private readonly usedRing: number;
  private readonly availableEvent: number;

  /** The available entry to take next, modulo 2^16. */
  private nextAvailable = 0;
  /** The driver's available index as last seen. */
  private seenAvailable = 0;
  /** The used entry to fill next, modulo 2^16. */
  private nextUsed = 0;
  /** The used index that the driver was told last. */
  private publishedUsed = 0;
  /** The used index that it had been told when it was decided last whether to interrupt it. */
  private decidedUsed = 0;

  /** @throws DriverFault when the driver's addresses or size can't be worked with */
  constructor(setup: QueueSetup, memory: GuestMemory, options: RingOptions) {
    super(setup, memory, options);
    const { size, descriptorArea, driverArea, deviceArea } = setup;
    if (size < 1 || size > largestQueue || (size & (size - 1)) !== 0) this.fail('queue-size', `size ${size}`);
    this.claim(descriptorArea, 16, descriptorBytes * size);
    this.claim(driverArea, 2, 6 + 2 * size);
    this.claim(deviceArea, 4, 6 + 8 * size);
    this.descriptorTable = descriptorArea;
    this.availableFlags = driverArea >>> 1;
    this.availableIndex = this.availableFlags + 1;
    this.availableRing = this.availableFlags + 2;
    this.usedEvent = this.availableRing + size;
    this.usedFlags = deviceArea >>> 1;
    this.usedIndex = this.usedFlags + 1;
    this.usedRing = (deviceArea >>> 2) + 1;
    this.availableEvent = this.usedFlags + 2 + 4 * size;
  }

  next(): DescriptorChain | undefined {
    if (this.broken || this.paused) return undefined;
    if (this.nextAvailable === this.seenAvailable) {
      this.seenAvailable = this.load16(this.availableIndex);
      if (this.nextAvailable === this.seenAvailable) return undefined;
      const waiting = (this.seenAvailable - this.nextAvailable) & 0xffff;
      // A driver in another thread may see used elements before they are shown; they are not its own before that.
      const held = (this.nextAvailable - this.publishedUsed) & 0xffff;
      if (waiting + held > this.size) {
        this.fail('available-index', `${waiting} buffers wait and ${held} are held in a queue of ${this.size}`);
      }
    }
    const entry = 2 * (this.availableRing + (this.nextAvailable & (this.size - 1)));
    const chain = this.retake(this.memory.data.getUint16(entry, true));
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff;
    return chain;
  }

  retake(head: number): DescriptorChain {
    const chain = this.spare.pop() ?? new DescriptorChain();
    chain.start(head);
    this.walk(chain, this.descriptorTable, this.size, head, false);
    return chain;
  }

  rewind(chain: DescriptorChain): void {
    this.nextAvailable = (this.nextAvailable - 1) & 0xffff;
    this.spare.push(chain);
  }

  complete(chain: DescriptorChain, written: number): void {
    // It happens only where a fault came up while the buffer was worked on: its driver has to reset the device anyway.
    if (this.paused) return;
    const words = this.memory.words32;
    const element = this.usedRing + 2 * (this.nextUsed & (this.size - 1));
    words[element] = chain.head;
    words[element + 1] = written;
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.spare.push(chain);
  }

  show(): void {
    if (this.paused || this.nextUsed === this.publishedUsed) return;
    const before = this.publishedUsed;
    this.store16(this.usedIndex, this.nextUsed);
    this.tellWritten(before & (this.size - 1), (this.nextUsed - before) & 0xffff);
    this.publishedUsed = this.nextUsed;
  }

  wantsInterrupt(): boolean {
    const { decidedUsed: before } = this;
    if (this.paused || this.publishedUsed === before) return false;
    this.decidedUsed = this.publishedUsed;
    // The driver's wish counts as it stands once the index is visible (2.7.7.2).
    if (this.options.notifyOnEmpty && this.load16(this.availableIndex) === this.nextAvailable) return true;
    if (!this.options.eventIndex) return (this.load16(this.availableFlags) & NO_INTERRUPT) === 0;
    return this.passed(this.load16(this.usedEvent), before);
  }

  publish(): boolean {
    this.show();
    return this.wantsInterrupt();
  }

  wantNotifications(wanted: boolean): boolean {
    if (this.broken || this.paused) return false;
    const { memory } = this;
    if (!this.options.eventIndex) {
      this.store16(this.usedFlags, wanted ? 0 : NO_NOTIFY);
      memory.written(this.usedFlags * 2, 2);
    } else if (wanted) {
      this.store16(this.availableEvent, this.nextAvailable);
      memory.written(this.availableEvent * 2, 2);
    }
    return this.load16(this.availableIndex) !== this.nextAvailable;
  }

  save(): QueueState {
    const { nextAvailable, nextUsed, publishedUsed, decidedUsed } = this;
    return { nextAvailable, nextUsed, publishedUsed, decidedUsed };
  }

  restore(state: QueueState): void {
    this.nextAvailable = this.seenAvailable = state.nextAvailable;
    this.nextUsed = state.nextUsed;
    this.publishedUsed = state.publishedUsed;
    this.decidedUsed = state.decidedUsed;
  }

  /** Tells of the used index and of `count` elements of the used ring from `first` on, which may go around its end. */
  private tellWritten(first: number, count: number): void {
    const { memory, size } = this;
    const start = this.usedIndex * 2;
    if (first + count <= size) {
      memory.written(start, 2);
      memory.written((this.usedRing + 2 * first) * 4, 8 * count);
    } else {
      memory.written(start, 2 + 8 * size);
    }
  }

  /** Whether the used index, since it was `before`, went past the entry for which the driver wants an interrupt (2.7.7.2). */
  private passed(event: number, before: number): boolean {
    return ((this.publishedUsed - event - 1) & 0xffff) < ((this.publishedUsed - before) & 0xffff);
  }

  private walk(chain: DescriptorChain, table: number, entries: number, first: number, nested: boolean): void {
    // Asked for once: an emulator looks whether its memory has moved each time.
    const { data, size } = this.memory;
    let index = first;
    for (;;) {
      if (index >= entries) this.fail('descriptor-index', `index ${index} in a table of ${entries}`);
      const at = table + descriptorBytes * index;
      const address = data.getUint32(at, true);
      const high = data.getUint32(at + 4, true);
      const length = data.getUint32(at + 8, true);
      const flagsAndNext = data.getUint32(at + 12, true);
      const flags = flagsAndNext & 0xffff;
      // Not by bufferAddress: a call here costs a third of the whole walk.
      if (high !== 0 || address + length > size) this.failAddress(address + high * 2 ** 32, length);
      if (flags & descriptorFlag.indirect) {
        if (nested) this.fail('indirect-nested', `descriptor ${index} of a table`);
        this.walk(chain, address, this.tableEntries(length, flags), 0, true);
        return;
      }
      this.addTo(chain, address, length, flags);
      if (!(flags & descriptorFlag.next)) return;
      index = flagsAndNext >>> 16;
    }
  }
}
