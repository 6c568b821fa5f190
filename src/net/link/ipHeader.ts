import { writeChecksum } from './checksum.js';
import { etherType, typeOffset } from './ethernet.js';
import type { Frame } from './frame.js';
import { read16, write16 } from './words.js';

export const protocol = { tcp: 6, udp: 17 } as const;

/** The UDP header, which has no other length: offsets from its start (RFC 768). */
export const udp = { length: 4, checksum: 6, bytes: 8 } as const;

/** What the length field of IP can say, in bytes. */
export const maxIpLength = 0xffff;

/** Extension headers of IPv6 that may stand before a transport header (RFC 8200, 4). */
const extension = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;

/** Lengths in bytes, offsets from the start of the header (RFC 791, RFC 8200). */
const ipv4 = { bytes: 20, length: 2, identification: 4, fragment: 6, protocol: 9, checksum: 10 } as const;
const ipv6 = { bytes: 40, length: 4, nextHeader: 6 } as const;

/** More fragments, and the fragment's offset in units of 8 bytes. */
const fragmentBits = 0x3fff;
const moreFragments = 0x2000;
export const fragmentHeaderBytes = 8;

/** The version of IP that a frame carries, or 0. */
export function versionOf(frame: Frame): number {
  const { bytes, start, end } = frame.head();
  const at = typeOffset(bytes, start, end);
  return at + 2 <= end ? versionOfType(read16(bytes, at)) : 0;
}

function versionOfType(type: number): number {
  if (type === etherType.ipv4) return 4;
  return type === etherType.ipv6 ? 6 : 0;
}

/**
 * The network header of a frame, IPv4 or IPv6 with its extension headers: where it stands, and how it is written anew for
 * each of the packets that one is cut into.
 */
export class IpHeader {
  version: 4 | 6 = 4;
  /** Offsets in bytes from the start of the frame: of the header itself, and of what it carries. */
  start = 0;
  transport = 0;
  /** What it carries. */
  protocol = 0;
  /** Where the fragmentable part of the packet begins (RFC 8200, 4.5). */
  private fragmentable = 0;
  /** Where the byte stands that names the header at `fragmentable`, and that byte. */
  private naming = 0;
  private named = 0;
  private identification = 0;

  /** Finds the header of the frame that begins with `length` bytes at the start of `bytes`; false where it is none that is whole. */
  find(bytes: Uint8Array, length: number): boolean {
    const at = typeOffset(bytes);
    return this.findAt(bytes, length, at + 2, versionOfType(read16(bytes, at)));
  }

  /** Finds the header of this version at `start`. */
  findAt(bytes: Uint8Array, length: number, start: number, version: number): boolean {
    this.start = start;
    return version === 4 ? this.findIpv4(bytes, length) : version === 6 && this.findIpv6(bytes, length);
  }

  private findIpv4(bytes: Uint8Array, length: number): boolean {
    const { start } = this;
    if (start + ipv4.bytes > length || bytes[start] >>> 4 !== 4) return false;
    const size = 4 * (bytes[start] & 15);
    this.version = 4;
    this.transport = this.fragmentable = start + size;
    this.protocol = bytes[start + ipv4.protocol];
    this.identification = read16(bytes, start + ipv4.identification);
    const whole = (read16(bytes, start + ipv4.fragment) & fragmentBits) === 0;
    return whole && size >= ipv4.bytes && this.transport <= length;
  }

  private findIpv6(bytes: Uint8Array, length: number): boolean {
    const { start } = this;
    if (start + ipv6.bytes > length || bytes[start] >>> 4 !== 6) return false;
    this.version = 6;
    let naming = start + ipv6.nextHeader;
    let at = start + ipv6.bytes;
    this.divide(bytes, naming, at);
    for (;;) {
      const kind = bytes[naming];
      if (kind !== extension.hopByHop && kind !== extension.routing && kind !== extension.destination) break;
      if (at + 8 > length) return false;
      naming = at;
      at += 8 * (bytes[at + 1] + 1);
      // Routers need the headers up to here, so each fragment has them.
      if (kind !== extension.destination) this.divide(bytes, naming, at);
    }
    this.transport = at;
    this.protocol = bytes[naming];
    return at <= length && this.protocol !== extension.fragment;
  }

  private divide(bytes: Uint8Array, naming: number, fragmentable: number): void {
    this.naming = naming;
    this.named = bytes[naming];
    this.fragmentable = fragmentable;
  }

  /** How many bytes a packet that ends at `end` has by the count of its length field, which holds 65535 at most. */
  lengthTo(end: number): number {
    return end - this.start - (this.version === 4 ? 0 : ipv6.bytes);
  }

  /** Makes it, in `bytes`, the header of packet `index` of several, which ends at `end`. */
  writePacket(bytes: Uint8Array, end: number, index: number): void {
    if (this.version === 4) {
      write16(bytes, this.start + ipv4.identification, this.identification + index);
      this.writeLength4(bytes, end);
    } else {
      write16(bytes, this.start + ipv6.length, this.lengthTo(end));
    }
  }

  /** Where in the packet the bytes begin that are divided among fragments. */
  get fragmentsFrom(): number {
    return this.fragmentable;
  }

  /**
   * Makes it the header of a fragment with `length` bytes from `offset` on, which is a multiple of 8; there are `more`
   * behind it. Answers where the header now ends and the fragment's bytes begin.
   * @param identification of the datagram, for IPv6, which has none without a fragment header
   */
  writeFragment(bytes: Uint8Array, offset: number, length: number, more: boolean, identification: number): number {
    if (this.version === 4) {
      write16(bytes, this.start + ipv4.fragment, (more ? moreFragments : 0) | (offset >>> 3));
      this.writeLength4(bytes, this.fragmentable + length);
      return this.fragmentable;
    }
    const at = this.fragmentable;
    bytes[this.naming] = extension.fragment;
    bytes[at] = this.named;
    bytes[at + 1] = 0;
    write16(bytes, at + 2, offset | (more ? 1 : 0));
    write16(bytes, at + 4, identification >>> 16);
    write16(bytes, at + 6, identification);
    write16(bytes, this.start + ipv6.length, this.lengthTo(at + fragmentHeaderBytes + length));
    return at + fragmentHeaderBytes;
  }

  private writeLength4(bytes: Uint8Array, end: number): void {
    const { start } = this;
    write16(bytes, start + ipv4.length, end - start);
    writeChecksum(bytes, start + ipv4.checksum, start, 4 * (bytes[start] & 15));
  }
}
