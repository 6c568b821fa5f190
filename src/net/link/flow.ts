import { etherType, typeOffset } from './ethernet.js';
import type { Frame } from './frame.js';
import { protocol } from './ipHeader.js';
import { read16, read32 } from './words.js';

/**
 * A number that is the same for both directions of a flow: from addresses, protocol and ports of IPv4 and IPv6, from
 * addresses and protocol of fragments and other protocols, 0 for everything else. It has 30 bits: engines keep larger numbers
 * as objects.
 */
export function flowHash(frame: Frame): number {
  if (frame.flow < 0) frame.flow = hashOf(frame);
  return frame.flow;
}

function hashOf(frame: Frame): number {
  const { bytes, start, end } = frame.head();
  const at = typeOffset(bytes, start, end);
  const type = at + 2 <= end ? read16(bytes, at) : 0;
  if (type === etherType.ipv4) return ipv4Hash(bytes, at + 2, end);
  if (type === etherType.ipv6) return ipv6Hash(bytes, at + 2, end);
  return 0;
}

function ipv4Hash(head: Uint8Array, at: number, end: number): number {
  if (end < at + 20) return 0;
  const fragment = (read16(head, at + 6) & 0x3fff) !== 0;
  const kind = head[at + 9];
  const addresses = read32(head, at + 12) ^ read32(head, at + 16);
  return mix(addresses, kind, fragment ? 0 : ports(head, at + 4 * (head[at] & 15), end, kind));
}

function ipv6Hash(head: Uint8Array, at: number, end: number): number {
  if (end < at + 40) return 0;
  let addresses = 0;
  for (let i = 8; i < 40; i += 4) addresses ^= read32(head, at + i);
  const kind = head[at + 6];
  return mix(addresses, kind, ports(head, at + 40, end, kind));
}

/** Both ports, in an order that does not depend on the direction. */
function ports(head: Uint8Array, at: number, end: number, kind: number): number {
  if ((kind !== protocol.tcp && kind !== protocol.udp) || end < at + 4) return 0;
  const source = read16(head, at);
  const destination = read16(head, at + 2);
  return (Math.min(source, destination) << 16) | Math.max(source, destination);
}

/** Spreads every bit of the three over all bits of the result. */
function mix(a: number, b: number, c: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 2;
}
