import { etherType, typeOffset } from '../link/ethernet.js';
import { protocol } from '../link/ipHeader.js';
import { read16 } from '../link/words.js';

/** What follows the IP headers, as far as a hash cares. The values are places within a group of three hash types. */
export const upper = { other: 0, tcp: 1, udp: 2 } as const;

/** Shortest header of each in bytes; what is cut shorter has none. */
const upperHeaders = new Map<number, { kind: number; bytes: number }>([
  [protocol.tcp, { kind: upper.tcp, bytes: 20 }],
  [protocol.udp, { kind: upper.udp, bytes: 8 }],
]);

const ipv4Bytes = 20;
const ipv6Bytes = 40;
const addressBytes = { 4: 4, 6: 16 } as const;

/** IPv6 extension headers: their length in bytes, from the length field (RFC 8200 4, RFC 4302 2.2). */
const inEights = (field: number): number => (field + 1) * 8;
const extension = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60 } as const;
const extensionLength = new Map<number, (field: number) => number>([
  [extension.hopByHop, inEights],
  [extension.routing, inEights],
  [extension.fragment, () => 8],
  [extension.authentication, (field) => (field + 2) * 4],
  [extension.destination, inEights],
  // Mobility, host identity, shim6.
  [135, inEights],
  [139, inEights],
  [140, inEights],
]);
/** The routing header with which mobile stations say where they are at home (RFC 6275 6.4). */
const routingType2 = 2;
/** Options of a destination options header (RFC 8200 4.2, RFC 6275 6.3). */
const option = { pad1: 0, homeAddress: 0xc9 } as const;

/**
 * Where the fields that a hash is taken over stand in an IP packet. Made once, and filled in by `parse` for one packet
 * after another; offsets count from the start of the bytes that were parsed.
 */
export class Packet {
  version: 4 | 6 = 4;
  source = 0;
  destination = 0;
  /** The home address and the address of a routing header of type 2, or source and destination where there is none. */
  homeSource = 0;
  homeDestination = 0;
  /** It has IPv6 extension headers. */
  extended = false;
  /** The protocol that follows all IP headers; meaningless in a fragment. */
  protocol = 0;
  fragment = false;
  /** One of `upper`; a fragment has no ports, not even the first, so that all fragments are hashed alike. */
  upper: number = upper.other;
  /** Where that protocol's header starts. */
  payload = 0;
  /** The bytes ended before the headers did. */
  cut = false;
  /** Where the bytes ended. */
  end = 0;

  /** Looks at the Ethernet frame from `at` up to `end`. Answers whether it carries an IP packet. */
  parseFrame(bytes: Uint8Array, at: number, end: number): boolean {
    const type = typeOffset(bytes, at, end);
    return this.parse(bytes, type + 2 <= end ? read16(bytes, type) : 0, type + 2, end);
  }

  /** Looks at the packet from `at` up to `end`. Answers whether `type`, an EtherType, is that of IP, and the packet is one. */
  parse(bytes: Uint8Array, type: number, at: number, end: number): boolean {
    this.end = end;
    this.extended = false;
    this.fragment = false;
    this.upper = upper.other;
    this.cut = false;
    if (type === etherType.ipv4) return this.parseIpv4(bytes, at);
    if (type === etherType.ipv6) return this.parseIpv6(bytes, at);
    this.cut = at > end;
    return false;
  }

  get addressBytes(): number {
    return addressBytes[this.version];
  }

  private parseIpv4(bytes: Uint8Array, at: number): boolean {
    if (this.isCut(at + ipv4Bytes)) return false;
    const headerBytes = 4 * (bytes[at] & 15);
    if (bytes[at] >>> 4 !== 4 || headerBytes < ipv4Bytes) return false;
    this.setAddresses(4, at + 12);
    // More fragments, or not the first.
    this.fragment = (read16(bytes, at + 6) & 0x3fff) !== 0;
    this.protocol = bytes[at + 9];
    this.setPayload(at + headerBytes);
    return true;
  }

  private parseIpv6(bytes: Uint8Array, at: number): boolean {
    if (this.isCut(at + ipv6Bytes)) return false;
    if (bytes[at] >>> 4 !== 6) return false;
    this.setAddresses(6, at + 8);
    let next = bytes[at + 6];
    let start = at + ipv6Bytes;
    for (;;) {
      const lengthOf = extensionLength.get(next);
      if (!lengthOf || this.fragment) break;
      this.extended = true;
      if (this.isCut(start + 8)) return true;
      const end = start + lengthOf(bytes[start + 1]);
      if (this.isCut(end)) return true;
      if (next === extension.fragment) this.fragment = (read16(bytes, start + 2) & 0xfff9) !== 0;
      else if (next === extension.routing) this.parseRouting(bytes, start, end);
      else if (next === extension.destination) this.parseOptions(bytes, start + 2, end);
      next = bytes[start];
      start = end;
    }
    this.protocol = next;
    this.setPayload(start);
    return true;
  }

  private parseRouting(bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start + 2] === routingType2 && start + 24 <= end) this.homeDestination = start + 8;
  }

  private parseOptions(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      const kind = bytes[at];
      if (kind === option.pad1) {
        at++;
        continue;
      }
      const length = bytes[at + 1];
      const fits = at + 2 + length <= end;
      if (kind === option.homeAddress && length === addressBytes[6] && fits) this.homeSource = at + 2;
      at += 2 + length;
    }
  }

  private setAddresses(version: 4 | 6, source: number): void {
    this.version = version;
    this.source = source;
    this.destination = source + addressBytes[version];
    this.homeSource = this.source;
    this.homeDestination = this.destination;
  }

  private setPayload(at: number): void {
    this.payload = at;
    const header = this.fragment ? undefined : upperHeaders.get(this.protocol);
    if (header && !this.isCut(at + header.bytes)) this.upper = header.kind;
  }

  private isCut(end: number): boolean {
    if (end > this.end) this.cut = true;
    return this.cut;
  }
}
