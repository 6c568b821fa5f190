import { writeChecksum } from '../../net/link/checksum.js';
import { Frame } from '../../net/link/frame.js';
import { read16, write16 } from '../../net/link/words.js';
import type { Clock } from '../../virtio/clock.js';
import { ip, ipHeaderBytes, moreFragments, offsetBits, type Packet } from './packet.js';

/** A packet of which there are some fragments. */
interface Parts {
  readonly began: number;
  readonly bytes: Uint8Array;
  /** What of its payload is there, from and to, in order and without overlaps. */
  readonly ranges: [from: number, to: number][];
  /** How long its payload is, where the last fragment came. */
  length: number | undefined;
  /** How many frames its fragments came in. */
  frames: number;
}

/** Where a fragment belongs in the payload of its packet, and whether no other comes behind it. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly last: boolean;
}

/** Packets that are put together at a time, pieces of each, and how long it may take in milliseconds (RFC 791, 3.2). */
const mostPackets = 16;
const mostPieces = 64;
const timeoutMs = 15_000;
const mostPayload = 65_535 - ipHeaderBytes;
/** Where the payload begins in the frame of the whole packet. */
const payloadStart = ip.start + ipHeaderBytes;

/**
 * Puts fragments of IPv4 together (RFC 791, 3.2). Those that overlap are an attack, and end their packet; those that came
 * twice on their way are not (RFC 8200, 4.5, says so of IPv6).
 */
export class Reassembly {
  private readonly clock: Clock;
  private readonly lost: () => void;
  /** In the order in which they began. */
  private readonly packets = new Map<string, Parts>();

  /** @param lost a frame that was kept belongs to a packet that will not be whole any more */
  constructor(clock: Clock, lost: () => void) {
    this.clock = clock;
    this.lost = lost;
  }

  /**
   * Takes the fragment that `packet` has read; answers the frame of the whole packet where it was the last that was missing,
   * and whether it was kept else.
   */
  add(packet: Packet): Frame | boolean {
    this.forgetOld();
    const { bytes: head, source, destination, protocol, length } = packet;
    const field = read16(head, ip.fragment);
    const from = (field & offsetBits) * 8;
    const piece = { from, to: from + length, last: (field & moreFragments) === 0 };
    const name = `${source} ${destination} ${protocol} ${read16(head, ip.id)}`;
    if (length === 0 || piece.to > mostPayload || (!piece.last && length % 8 !== 0)) return false;
    const parts = this.packets.get(name) ?? this.begin(name, head);
    if (!isThere(parts, piece, packet)) {
      if (!note(parts, piece)) {
        this.giveUp(name, parts);
        return false;
      }
      packet.frame.copy(packet.start, length, parts.bytes, payloadStart + from);
    }
    parts.frames++;
    const [whole, ...more] = parts.ranges;
    if (more.length > 0 || whole[0] > 0 || whole[1] !== parts.length) return true;
    this.packets.delete(name);
    return finish(parts.bytes, parts.length);
  }

  /** Gives up the packets whose time is over. */
  forgetOld(): void {
    const now = this.clock.now();
    for (const [name, parts] of this.packets) if (now - parts.began > timeoutMs) this.giveUp(name, parts);
  }

  private begin(name: string, head: Uint8Array): Parts {
    const [oldest] = this.packets;
    if (this.packets.size >= mostPackets) this.giveUp(...oldest);
    const bytes = new Uint8Array(payloadStart + mostPayload);
    bytes.set(head.subarray(0, payloadStart));
    const parts: Parts = { began: this.clock.now(), bytes, ranges: [], length: undefined, frames: 0 };
    this.packets.set(name, parts);
    return parts;
  }

  private giveUp(name: string, { frames }: Parts): void {
    this.packets.delete(name);
    for (let i = frames; i > 0; i--) this.lost();
  }
}

/** Whether a piece came before: the same bytes are there, and end the packet if it does. */
function isThere({ bytes, ranges, length }: Parts, { from, to, last }: Piece, packet: Packet): boolean {
  if (last !== (to === length) || !ranges.some((range) => range[0] <= from && to <= range[1])) return false;
  return packet.slice(0, to - from).every((byte, i) => byte === bytes[payloadStart + from + i]);
}

/** Notes a piece; false where it does not fit to the others. */
function note(parts: Parts, { from, to, last }: Piece): boolean {
  const { ranges } = parts;
  if (last && parts.length !== undefined && parts.length !== to) return false;
  if (last) parts.length = to;
  const overlaps = ranges.some((range) => from < range[1] && range[0] < to);
  const beyond = parts.length !== undefined && Math.max(to, ...ranges.map((range) => range[1])) > parts.length;
  if (overlaps || beyond) return false;
  ranges.push([from, to]);
  ranges.sort((a, b) => a[0] - b[0]);
  for (let i = ranges.length - 1; i > 0; i--) {
    if (ranges[i][0] !== ranges[i - 1][1]) continue;
    ranges[i - 1][1] = ranges[i][1];
    ranges.splice(i, 1);
  }
  return ranges.length <= mostPieces;
}

/** Gives the whole packet a header without options, as of one that was never cut. */
function finish(bytes: Uint8Array, length: number): Frame {
  bytes[ip.start] = 0x45;
  write16(bytes, ip.length, ipHeaderBytes + length);
  write16(bytes, ip.fragment, 0);
  writeChecksum(bytes, ip.checksum, ip.start, ipHeaderBytes);
  return new Frame().start(0).add(bytes, 0, payloadStart + length);
}
