import { Buffer } from 'buffer/index.js';
import type { Frame } from '../../net/link/frame.js';

/** Types of blocks (draft-ietf-opsawg-pcapng, section 4). */
export const blockType = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;

/** Options of all blocks, and of each kind (sections 3.5 and 4). */
const option = { end: 0, comment: 1 } as const;
const sectionOption = { application: 4 } as const;
const interfaceOption = { name: 2, description: 3, mac: 6, timeResolution: 9 } as const;
const packetOption = { flags: 2, dropCount: 4, queue: 6 } as const;
const statisticsOption = { startTime: 2, endTime: 3, received: 4, dropped: 5, delivered: 8 } as const;

const byteOrderMagic = 0x1a2b3c4d;
const linkTypeEthernet = 1;
/** Ten to the power of minus six: times are in microseconds. */
const timeResolution = 6;

/** Bits 0 and 1 of a packet's flags (section 4.3.1), seen from the interface. */
export const direction = { inbound: 1, outbound: 2 } as const;
export type Direction = (typeof direction)[keyof typeof direction];

/** What is said of an interface. */
export interface InterfaceDescription {
  readonly name: string;
  readonly description: string;
  /** Six bytes. */
  readonly mac: Uint8Array | undefined;
  /** The most bytes of a frame that are kept. */
  readonly snapLength: number;
}

/** What is said of a frame besides its bytes. */
export interface PacketRemarks {
  /** Interfaces count from 0, in the order of their descriptions. */
  readonly interfaceId: number;
  /** In microseconds since 1970. */
  readonly time: number;
  readonly snapLength: number;
  readonly direction: Direction;
  /** Undefined where it had none. */
  readonly lane: number | undefined;
  /** Frames of this interface that were lost to the capture since the one before. */
  readonly missed: number;
  readonly comments: readonly string[];
}

/** What became of the frames of an interface, at the end. Times are in microseconds since 1970. */
export interface InterfaceStatistics {
  readonly interfaceId: number;
  readonly startTime: number;
  readonly endTime: number;
  /** Frames that were there, and those of them that were lost to the capture. */
  readonly seen: number;
  readonly missed: number;
}

/** Texts are cut to as many characters, so that a block's length is bounded. */
const maxText = 256;
/** More than any block has beside a frame: fixed fields, and all options with their texts in UTF-8. */
const maxBesides = 8192;

/** Writes blocks of the pcapng format one after another into memory of a fixed size, in little-endian byte order. */
export class BlockWriter {
  /** Bytes written so far. */
  used = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private start = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** What was written; it stays until something else is. */
  get written(): Uint8Array {
    return this.bytes.subarray(0, this.used);
  }

  /** Whether there is room for a block, with so many bytes of a frame. */
  fits(frameBytes = 0): boolean {
    return this.used + frameBytes + maxBesides <= this.bytes.length;
  }

  section(application: string): void {
    this.begin(blockType.section);
    this.u32(byteOrderMagic);
    // Version 1.0, and a section of unknown length.
    this.u16(1);
    this.u16(0);
    this.u32(0xffffffff);
    this.u32(0xffffffff);
    this.text(sectionOption.application, application);
    this.finish();
  }

  interface({ name, description, mac, snapLength }: InterfaceDescription): void {
    this.begin(blockType.interface);
    this.u16(linkTypeEthernet);
    this.u16(0);
    this.u32(snapLength);
    this.text(interfaceOption.name, name);
    this.text(interfaceOption.description, description);
    if (mac) this.option(interfaceOption.mac, mac);
    this.option(interfaceOption.timeResolution, Uint8Array.of(timeResolution));
    this.finish();
  }

  packet(frame: Frame, remarks: PacketRemarks): void {
    const captured = Math.min(frame.length, remarks.snapLength);
    this.begin(blockType.packet);
    this.u32(remarks.interfaceId);
    this.time(remarks.time);
    this.u32(captured);
    this.u32(frame.length);
    frame.copy(0, captured, this.bytes, this.used);
    this.used += captured;
    this.pad();
    this.optionHead(packetOption.flags, 4);
    this.u32(remarks.direction);
    if (remarks.lane !== undefined) {
      this.optionHead(packetOption.queue, 4);
      this.u32(remarks.lane);
    }
    if (remarks.missed > 0) this.count(packetOption.dropCount, remarks.missed);
    for (const comment of remarks.comments) this.text(option.comment, comment);
    this.finish();
  }

  statistics({ interfaceId, startTime, endTime, seen, missed }: InterfaceStatistics): void {
    this.begin(blockType.statistics);
    this.u32(interfaceId);
    this.time(endTime);
    for (const [code, time] of [
      [statisticsOption.startTime, startTime],
      [statisticsOption.endTime, endTime],
    ]) {
      this.optionHead(code, 8);
      this.time(time);
    }
    this.count(statisticsOption.received, seen);
    this.count(statisticsOption.dropped, missed);
    this.count(statisticsOption.delivered, seen - missed);
    this.finish();
  }

  /** Puts the block that was written last before all that stands from `at` on. */
  moveTo(at: number): void {
    const length = this.used - this.start;
    if (at >= this.start) return;
    const block = this.bytes.slice(this.start, this.used);
    this.bytes.copyWithin(at + length, at, this.start);
    this.bytes.set(block, at);
  }

  private begin(type: number): void {
    this.start = this.used;
    this.u32(type);
    this.u32(0);
  }

  private finish(): void {
    this.optionHead(option.end, 0);
    const length = this.used + 4 - this.start;
    this.u32(length);
    this.view.setUint32(this.start + 4, length, true);
  }

  private text(code: number, text: string): void {
    this.option(code, Buffer.from(text.slice(0, maxText), 'utf8'));
  }

  private option(code: number, value: Uint8Array): void {
    this.optionHead(code, value.length);
    this.bytes.set(value, this.used);
    this.used += value.length;
    this.pad();
  }

  private optionHead(code: number, length: number): void {
    this.u16(code);
    this.u16(length);
  }

  /** A number of 64 bits, the lower half first. */
  private count(code: number, value: number): void {
    this.optionHead(code, 8);
    this.u32(value % 2 ** 32);
    this.u32(Math.floor(value / 2 ** 32));
  }

  /** Times have their upper half first in any byte order. */
  private time(microseconds: number): void {
    this.u32(Math.floor(microseconds / 2 ** 32));
    this.u32(microseconds % 2 ** 32);
  }

  private u16(value: number): void {
    this.view.setUint16(this.used, value, true);
    this.used += 2;
  }

  private u32(value: number): void {
    this.view.setUint32(this.used, value, true);
    this.used += 4;
  }

  /** Up to the next multiple of four bytes. */
  private pad(): void {
    while (this.used % 4 !== 0) this.bytes[this.used++] = 0;
  }
}

/** A block that was written before. */
export class Block {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get type(): number {
    return this.view.getUint32(0, true);
  }

  /** Of a packet, or of statistics: the interface that it belongs to. */
  get interfaceId(): number {
    return this.view.getUint32(8, true);
  }

  set interfaceId(id: number) {
    this.view.setUint32(8, id, true);
  }

  /** Of a packet, or of statistics: microseconds since 1970. */
  get time(): number {
    return this.view.getUint32(12, true) * 2 ** 32 + this.view.getUint32(16, true);
  }
}

/** What a `BlockWriter` wrote, block by block; they stand in the same memory. */
export function* blocksOf(written: Uint8Array): Generator<Block> {
  const view = new DataView(written.buffer, written.byteOffset, written.length);
  for (let at = 0; at < written.length;) {
    const length = view.getUint32(at + 4, true);
    yield new Block(written.subarray(at, at + length));
    at += length;
  }
}
