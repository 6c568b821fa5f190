import type { DescriptorChain } from './chain.js';
import { within, type GuestMemory } from './memory.js';
import type { QueueSetup } from './queue.js';
import { DriverFault, type DriverRule } from './rules.js';

/** Descriptor flags that both layouts have (virtio 2.7.5, 2.8.6). */
export const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const;
export const descriptorBytes = 16;
export const largestQueue = 32768;
const longestChain = 2 ** 32;

export interface RingOptions {
  /** VIRTIO_F_INDIRECT_DESC was negotiated. */
  readonly indirect: boolean;
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly eventIndex: boolean;
  /** VIRTIO_F_NOTIFY_ON_EMPTY was negotiated, which only a legacy driver can, and so of a split ring alone. */
  readonly notifyOnEmpty?: boolean;
}

/** What both layouts of a virtqueue share: how the device reads descriptors, and what it does not believe of them. */
export abstract class Ring {
  readonly index: number;
  readonly size: number;
  paused = false;
  protected readonly memory: GuestMemory;
  protected readonly options: RingOptions;
  /** The driver broke a rule: the queue gives no more buffers. */
  protected broken = false;
  /** Chains to use again. */
  protected readonly spare: DescriptorChain[] = [];

  private readonly shared: boolean;

  constructor({ index, size }: QueueSetup, memory: GuestMemory, options: RingOptions) {
    this.index = index;
    this.size = size;
    this.memory = memory;
    this.options = options;
    this.shared = memory.shared ?? false;
  }

  // The words by which driver and device tell each other how far they are, and what they want to be told. In shared memory
  // Atomics order all accesses around them, as the barriers of 2.7.13 and 2.8.21 do; elsewhere nobody works in between.

  protected load16(index: number): number {
    return this.shared ? Atomics.load(this.memory.words16, index) : this.memory.words16[index];
  }

  protected load32(index: number): number {
    return this.shared ? Atomics.load(this.memory.words32, index) : this.memory.words32[index];
  }

  protected store16(index: number, value: number): void {
    if (this.shared) Atomics.store(this.memory.words16, index, value);
    else this.memory.words16[index] = value;
  }

  protected store32(index: number, value: number): void {
    if (this.shared) Atomics.store(this.memory.words32, index, value);
    else this.memory.words32[index] = value;
  }

  /** Checks that a part of the queue can lie there. @throws DriverFault */
  protected claim(address: number, alignment: number, length: number): void {
    if (address % alignment !== 0) {
      this.fail('ring-alignment', `0x${address.toString(16)} is not a multiple of ${alignment}`);
    }
    if (!within(this.memory.size, address, length)) {
      this.fail('ring-address', `0x${address.toString(16)} and ${length} bytes`);
    }
  }

  /** The address in the descriptor at `at`, from which on `length` bytes are guest memory. @throws DriverFault */
  protected bufferAddress(at: number, length: number): number {
    const { data, size } = this.memory;
    const address = data.getUint32(at, true);
    const high = data.getUint32(at + 4, true);
    if (high !== 0 || address + length > size) this.failAddress(address + high * 2 ** 32, length);
    return address;
  }

  /** Adds what a descriptor describes to its chain. @throws DriverFault */
  protected addTo(chain: DescriptorChain, address: number, length: number, flags: number): void {
    const writable = (flags & descriptorFlag.write) !== 0;
    if (chain.count >= this.size) this.fail('descriptor-loop', extent(chain));
    if (!writable && chain.readableCount < chain.count) this.fail('descriptor-order', extent(chain));
    chain.add(address, length, writable);
    if (chain.readableLength + chain.writableLength > longestChain) this.fail('chain-length', extent(chain));
  }

  /** Number of descriptors of an indirect table, from the descriptor that refers to it. @throws DriverFault */
  protected tableEntries(length: number, flags: number): number {
    if (!this.options.indirect) this.fail('indirect-not-negotiated', `a table of ${length} bytes`);
    if (flags & descriptorFlag.next) this.fail('indirect-next', `a table of ${length} bytes`);
    if (length === 0 || length % descriptorBytes !== 0) this.fail('indirect-length', `${length} bytes`);
    return length / descriptorBytes;
  }

  protected failAddress(address: number, length: number): never {
    this.fail('descriptor-address', `0x${address.toString(16)}, length ${length}`);
  }

  protected fail(rule: DriverRule, detail: string): never {
    this.broken = true;
    throw new DriverFault(rule, detail, this.index);
  }
}

/** For messages; apart, so that what runs for every descriptor stays small enough for an engine to inline. */
function extent({ count, readableLength, writableLength }: DescriptorChain): string {
  return `after ${count} descriptors of ${readableLength + writableLength} bytes`;
}
