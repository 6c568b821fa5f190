import { fold, sumBytes, writeChecksum } from '../../net/link/checksum.js';
import type { DropReason } from '../../net/link/counters.js';
import { etherType } from '../../net/link/ethernet.js';
import { ethernetHeaderBytes, Frame } from '../../net/link/frame.js';
import { read16, read32, write16, write32 } from '../../net/link/words.js';

export const protocols = { icmp: 1, tcp: 6, udp: 17 } as const;

/** Offsets in a frame without tags that carries IPv4 without options, which is what the gateway sends (RFC 791). */
export const ip = {
  start: ethernetHeaderBytes,
  length: 16,
  id: 18,
  fragment: 20,
  ttl: 22,
  protocol: 23,
  checksum: 24,
} as const;
const addresses = { source: 26, destination: 30 } as const;
export const ipHeaderBytes = 20;
/** Where the transport header begins in what the gateway sends. */
export const transportStart = ip.start + ipHeaderBytes;
/** Enough for Ethernet, and for IPv4 and TCP with all the options that there can be. */
const lookBytes = ethernetHeaderBytes + 60 + 60;
/** In the field for fragments: more are to come, and the place of this one in units of 8 bytes (RFC 791, 3.1). */
export const moreFragments = 0x2000;
export const offsetBits = 0x1fff;
const dontFragment = 0x4000;
const timeToLive = 64;

/** A packet that came in, for as long as it is looked at. Made once and used for one after another. */
export class Packet {
  /** The frame that it came in. */
  frame!: Frame;
  /** Its headers, from the start of the frame; as many bytes as it has, up to `lookBytes`. */
  readonly bytes = new Uint8Array(lookBytes);
  source = 0;
  destination = 0;
  protocol = 0;
  /** Where its transport header begins in the frame, and how many bytes there are from there on. */
  start = 0;
  length = 0;

  /** Reads the headers of a frame with IPv4; answers what is wrong with it, if anything. */
  read(frame: Frame): DropReason | undefined {
    const { bytes } = this;
    this.frame = frame;
    const seen = Math.min(frame.length, lookBytes);
    bytes.fill(0, seen);
    frame.copy(0, seen, bytes, 0);
    const header = 4 * (bytes[ip.start] & 15);
    const length = read16(bytes, ip.length);
    if (bytes[ip.start] >>> 4 !== 4 || header < ipHeaderBytes || length < header) return 'malformed';
    if (frame.length < ip.start + length) return 'malformed';
    if (sumBytes(bytes, ip.start, header) !== 0xffff) return 'checksum';
    this.source = read32(bytes, addresses.source);
    this.destination = read32(bytes, addresses.destination);
    this.protocol = bytes[ip.protocol];
    this.start = ip.start + header;
    this.length = length - header;
    return undefined;
  }

  /** It is only a part of a packet. */
  get isFragment(): boolean {
    return (read16(this.bytes, ip.fragment) & (moreFragments | offsetBits)) !== 0;
  }

  /** The Ethernet address that it came from. */
  get sourceMac(): Uint8Array {
    return this.bytes.subarray(6, 12);
  }

  /** Its first bytes from the IP header on, as an ICMP message that refuses it cites them (RFC 792). */
  get cited(): Uint8Array {
    return this.bytes.slice(ip.start, Math.min(this.start + 8, ip.start + 60 + 8));
  }

  /** A copy of `length` bytes from `from` on, counted from the transport header. */
  slice(from: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.frame.copy(this.start + from, length, bytes, 0);
    return bytes;
  }

  /**
   * Whether the checksum of UDP or TCP over the whole holds, or is still to be filled in, which says that nothing happened to
   * the packet so far.
   */
  checksumHolds(length = this.length): boolean {
    if (this.frame.needsChecksum) return true;
    return fold(this.frame.sum(this.start, length) + pseudoSum(this, length)) === 0xffff;
  }
}

/** The sum of the pseudo header (RFC 9293, 3.1). */
function pseudoSum(
  { source, destination, protocol }: { source: number; destination: number; protocol: number },
  length: number,
): number {
  return fold((source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length);
}

/** What the gateway sends is made here: headers, and then bytes of whoever has them. One packet at a time. */
export class Outgoing {
  readonly frame = new Frame();
  /** The headers; that of the transport is the caller's to write, from `transportStart` on. */
  readonly bytes = new Uint8Array(128);
  private readonly source: number;
  private identification = 0;

  constructor(mac: Uint8Array, source: number) {
    this.source = source;
    this.bytes.set(mac, 6);
    write16(this.bytes, 12, etherType.ipv4);
    this.bytes[ip.start] = 0x45;
    this.bytes[ip.ttl] = timeToLive;
    write32(this.bytes, addresses.source, source);
  }

  /**
   * Begins a packet with `header` bytes of transport header and `payload` bytes behind it, which the caller adds to the frame.
   * @param checksumAt where its transport has the checksum, from the start of its header; what is sent leaves it to whoever
   * takes the frame. Left out where there is none like that
   */
  start(
    mac: Uint8Array,
    destination: number,
    protocol: number,
    header: number,
    payload: number,
    checksumAt = -1,
  ): Frame {
    const { bytes, frame, source } = this;
    this.address(mac, destination, protocol);
    this.describe(header + payload, protocol === protocols.tcp ? dontFragment : 0);
    this.identification++;
    frame.start(0).add(bytes, 0, transportStart + header);
    if (checksumAt >= 0) {
      frame.needsChecksum = true;
      frame.checksumStart = transportStart;
      frame.checksumOffset = checksumAt;
      write16(bytes, transportStart + checksumAt, pseudoSum({ source, destination, protocol }, header + payload));
    }
    return frame;
  }

  /**
   * The packets of a message, in as many fragments as the MTU asks for (RFC 791, 3.2). Each is to be sent before the next is
   * asked for.
   * @param mtu in bytes, at least 28
   */
  *fragments(
    mac: Uint8Array,
    destination: number,
    protocol: number,
    message: Uint8Array,
    mtu: number,
  ): Iterable<Frame> {
    const most = mtu - ipHeaderBytes;
    // All fragments but the last end on a multiple of 8 bytes.
    const size = message.length > most ? most & ~7 : most;
    this.address(mac, destination, protocol);
    for (let from = 0; from < message.length; from += size) {
      const length = Math.min(size, message.length - from);
      this.describe(length, (from + length < message.length ? moreFragments : 0) | (from / 8));
      yield this.frame.start(0).add(this.bytes, 0, transportStart).add(message, from, length);
    }
    this.identification++;
  }

  private address(mac: Uint8Array, destination: number, protocol: number): void {
    const { bytes } = this;
    bytes.set(mac, 0);
    bytes[ip.protocol] = protocol;
    write32(bytes, addresses.destination, destination);
  }

  /** Says how much there is behind the header, and what the field for fragments says. */
  private describe(length: number, fragment: number): void {
    const { bytes } = this;
    write16(bytes, ip.length, ipHeaderBytes + length);
    write16(bytes, ip.id, this.identification);
    write16(bytes, ip.fragment, fragment);
    writeChecksum(bytes, ip.checksum, ip.start, ipHeaderBytes);
  }
}
