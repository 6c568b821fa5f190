import { read16, read32, write16, write32 } from '../../../net/link/words.js';
import type { Packet } from '../packet.js';

/** Control bits (RFC 9293, 3.1). */
export const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** Offsets from the start of the header, and its length without options. */
const field = {
  source: 0,
  destination: 2,
  sequence: 4,
  acknowledgement: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
} as const;
export const headerBytes = 20;
export const checksumAt = 16;

/** Kinds of options (RFC 9293, 3.2; RFC 7323, 2). */
const option = { end: 0, none: 1, mss: 2, windowScale: 3 } as const;
/** Of the options of a SYN: maximum segment size, and, where it is offered, the window's scale. */
export const synOptionBytes = 8;
/** The greatest shift (RFC 7323, 2.3). */
const maxScale = 14;

/** A segment that came in, for as long as it is looked at. Made once and used for one after another. */
export class Segment {
  packet!: Packet;
  sourcePort = 0;
  destinationPort = 0;
  sequence = 0;
  acknowledgement = 0;
  flags = 0;
  /** As it stands in the header, not scaled. */
  window = 0;
  /** What it carries: where in the frame it begins, and how many bytes. */
  start = 0;
  length = 0;
  /** The options of a SYN; undefined where they are not there. */
  mss: number | undefined;
  windowScale: number | undefined;

  /** Reads a packet of TCP; false where it is not whole. */
  read(packet: Packet): boolean {
    const { bytes, start, length } = packet;
    if (length < headerBytes) return false;
    const header = 4 * (bytes[start + field.dataOffset] >>> 4);
    if (header < headerBytes || header > length) return false;
    this.packet = packet;
    this.sourcePort = read16(bytes, start + field.source);
    this.destinationPort = read16(bytes, start + field.destination);
    this.sequence = read32(bytes, start + field.sequence);
    this.acknowledgement = read32(bytes, start + field.acknowledgement);
    this.flags = bytes[start + field.flags];
    this.window = read16(bytes, start + field.window);
    this.start = start + header;
    this.length = length - header;
    this.mss = this.windowScale = undefined;
    if (this.has(flag.syn)) this.readOptions(bytes, start + headerBytes, start + header);
    return true;
  }

  has(bits: number): boolean {
    return (this.flags & bits) !== 0;
  }

  /** How many sequence numbers it takes. */
  get span(): number {
    return this.length + (this.has(flag.syn) ? 1 : 0) + (this.has(flag.fin) ? 1 : 0);
  }

  /** Options that make no sense end the reading of them. */
  private readOptions(bytes: Uint8Array, from: number, end: number): void {
    for (let at = from; at < end && bytes[at] !== option.end;) {
      if (bytes[at] === option.none) {
        at++;
        continue;
      }
      const length = at + 1 < end ? bytes[at + 1] : 0;
      if (length < 2 || at + length > end) return;
      if (bytes[at] === option.mss && length === 4) this.mss = read16(bytes, at + 2);
      if (bytes[at] === option.windowScale && length === 3) this.windowScale = Math.min(maxScale, bytes[at + 2]);
      at += length;
    }
  }
}

/** What the header of a segment says. */
export interface Header {
  readonly localPort: number;
  readonly remotePort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** Of a SYN. */
  readonly mss?: number;
  readonly windowScale?: number | undefined;
}

/** Writes a header at `at` of `bytes`; answers its length. The checksum is left to whoever sends it. */
export function writeHeader(bytes: Uint8Array, at: number, header: Header): number {
  const length = headerBytes + (header.mss === undefined ? 0 : synOptionBytes);
  bytes.fill(0, at, at + length);
  write16(bytes, at + field.source, header.localPort);
  write16(bytes, at + field.destination, header.remotePort);
  write32(bytes, at + field.sequence, header.sequence);
  write32(bytes, at + field.acknowledgement, header.acknowledgement);
  bytes[at + field.dataOffset] = (length / 4) << 4;
  bytes[at + field.flags] = header.flags;
  write16(bytes, at + field.window, header.window);
  if (header.mss !== undefined) {
    const options = at + headerBytes;
    bytes.set([option.mss, 4, header.mss >>> 8, header.mss & 0xff], options);
    const scale = header.windowScale;
    // Where the scale was not offered by who asked, there are options that say nothing in its place.
    bytes.set(scale === undefined ? [1, 1, 1, 1] : [option.none, option.windowScale, 3, scale], options + 4);
  }
  return length;
}
