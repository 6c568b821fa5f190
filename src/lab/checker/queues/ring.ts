import type { DescriptorChain } from '../../../virtio/chain.js';
import { within, type GuestMemory } from '../../../virtio/memory.js';
import type { Findings, Place } from '../findings.js';
import type { StatementId } from '../statements.js';

/** A piece of guest memory that a buffer is made of. */
export interface Piece {
  readonly address: number;
  readonly length: number;
  readonly writable: boolean;
}

/** A buffer as the driver made it available. */
export interface Buffer extends Place {
  readonly queue: number;
  readonly descriptor: number;
  readonly pieces: readonly Piece[];
  readonly readableLength: number;
  readonly writableLength: number;
}

/** Whoever is told of buffers. */
export interface BufferEvents {
  exposed(buffer: Buffer): void;
  /** The device has written its answer and gives the buffer back. */
  used(buffer: Buffer, written: number): void;
}

/** What a queue is, and what may be used in it. */
export interface RingSetup {
  readonly index: number;
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
  readonly memory: GuestMemory;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
  readonly inOrder: boolean;
  /** Where the device stands in the ring: the next available entry, and the next used one that the driver will see. */
  readonly nextAvailable: number;
  readonly publishedUsed: number;
}

/**
 * A virtqueue as its driver fills it, read apart from the device's own code. `look` finds what was made available; it is
 * called whenever the device is about to do something with the queue, so that nothing stays unseen between two of its
 * acts. What the driver does in the same time in between can't be told apart, and is judged as one step.
 */
export interface RingWatch {
  look(): void;
  /** The device takes this buffer, or finds none. */
  taken(chain: DescriptorChain | undefined): void;
  /** It puts back the one that it took last. */
  putBack(chain: DescriptorChain): void;
  /** The device gives it back; the driver may not see that before `shown`. */
  used(chain: DescriptorChain, written: number): void;
  shown(): void;
  /** The driver notified; with VIRTIO_F_NOTIFICATION_DATA `position` is the upper half of the value. */
  notified(position: number | undefined): void;
  /** The device says anew whether it wants notifications. */
  wished(): void;
  /** The driver is about to take the queue away. */
  closing(): void;
}

export const flag = { next: 1, write: 2, indirect: 4 } as const;
export const descriptorBytes = 16;
const longestBuffer = 2 ** 32;

/** Reads guest memory in any alignment. */
export class GuestReader {
  private readonly memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  u16(address: number): number {
    const { bytes } = this.memory;
    return bytes[address] | (bytes[address + 1] << 8);
  }

  u32(address: number): number {
    const { bytes } = this.memory;
    return (bytes[address] | (bytes[address + 1] << 8) | (bytes[address + 2] << 16) | (bytes[address + 3] << 24)) >>> 0;
  }

  /** An address of 64 bits; beyond 2^53 it loses precision, but no memory lies there. */
  u64(address: number): number {
    return this.u32(address) + this.u32(address + 4) * 2 ** 32;
  }

  has(address: number, length: number): boolean {
    return within(this.memory.size, address, length);
  }
}

/** The names of the buffers that the device has yet to take, in their order. */
export class Waiting {
  private readonly names: number[] = [];

  add(name: number): void {
    this.names.push(name);
  }

  /** The device takes the buffer of that name, or finds none; the answer is the one that was there for it. */
  take(found: number | undefined): number | undefined {
    return found === undefined ? this.names.at(0) : this.names.shift();
  }

  putBack(name: number): void {
    this.names.unshift(name);
  }
}

/** The statements that both layouts have, by what they demand. */
export interface ChainStatements {
  readonly order: StatementId;
  /** How many descriptors one buffer may have. */
  readonly longest: StatementId;
}

/** Collects what the descriptors of one buffer describe. */
export class BufferBuilder {
  readonly pieces: Piece[] = [];
  readonly place: Place & { readonly queue: number; readonly descriptor: number };
  readableLength = 0;
  writableLength = 0;
  private readonly findings: Findings;
  private readonly reader: GuestReader;
  private ordered = true;
  private reachable = true;

  constructor(findings: Findings, reader: GuestReader, queue: number, descriptor: number) {
    this.findings = findings;
    this.reader = reader;
    this.place = { queue, descriptor };
  }

  add(address: number, length: number, writable: boolean): void {
    if (!writable && this.writableLength > 0) this.ordered = false;
    this.pieces.push({ address, length, writable });
    if (writable) this.writableLength += length;
    else this.readableLength += length;
    this.reaches(address, length);
  }

  /**
   * Whether that is memory. There is nothing else on the machines of this device that a driver could have for a buffer,
   * so an address elsewhere is not a physical address of memory, and may be one that an IOMMU should translate.
   */
  reaches(address: number, length: number): boolean {
    const there = this.reader.has(address, length);
    const seen = (): string => `${length} bytes at 0x${address.toString(16)}`;
    if (this.reachable && !there) this.findings.check('basic-dri-033', false, seen, this.place);
    this.reachable &&= there;
    return there;
  }

  /** The whole buffer, judged. Undefined where it is not worth to look into. */
  finish(statements: ChainStatements, size: number): Buffer | undefined {
    const { findings, place, pieces, readableLength, writableLength } = this;
    const length = readableLength + writableLength;
    findings.check(statements.order, this.ordered, () => 'a readable descriptor after a writable one', place);
    const short = pieces.length <= size;
    findings.check(statements.longest, short, () => `${pieces.length} descriptors, the queue has ${size}`, place);
    if (this.reachable) findings.check('basic-dri-033', true, () => '', place);
    if (!this.reachable || length > longestBuffer) return undefined;
    return { ...place, pieces, readableLength, writableLength };
  }
}
