import { fold, sumBytes, swapIf } from './checksum.js';
import { copyBytes, copyLong, copyWords, shortCopy } from './copy.js';
import type { DropReason, FilterReason } from './counters.js';

/** Kinds of segmentation a frame may ask for (virtio 5.1.6.2, `gso_type`). */
export const gsoType = { none: 0, tcp4: 1, udp: 3, tcp6: 4, udpL4: 5 } as const;

/**
 * An Ethernet frame on its way: byte ranges that belong to somebody else, what the packet header says of them, and the
 * lane (queue pair) it came from. Whoever receives it copies during the call; afterwards the ranges are their owner's.
 * Made once and used again for one frame after another.
 */
export class Frame {
  /** In bytes, from the destination address to the end of the payload, without a frame check sequence. */
  length = 0;
  /** The queue pair of its sender. */
  lane = 0;
  /** The checksum from `checksumStart` on is still to be filled in at `checksumStart + checksumOffset`. */
  needsChecksum = false;
  checksumStart = 0;
  checksumOffset = 0;
  /** One of `gsoType`; what is not `none` is to be cut into segments of `gsoSize` bytes of payload. */
  gso: number = gsoType.none;
  gsoSize = 0;
  /** The segments carry explicit congestion notification (VIRTIO_NET_HDR_GSO_ECN). */
  gsoEcn = false;
  /**
   * The version of IP inside the UDP tunnel whose contents are to be cut, 0 where there is no tunnel
   * (VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 and _IPV6); `gso` and the checksum are then those of the inner packet.
   */
  tunnel: 0 | 4 | 6 = 0;
  /** The checksum of the tunnel's UDP is still to be filled in, too (VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM). */
  tunnelChecksum = false;
  /** Where the UDP header of the tunnel and the IP header in it stand, in bytes from the start of the frame. */
  outerTransport = 0;
  innerNetwork = 0;
  /** Length of the headers in bytes where the sender said it, else 0. */
  headerLength = 0;
  /** What `flowHash` found, or -1 while nobody has asked. */
  flow = -1;
  /** The receiver's hash of it as a signed number, and what that was taken over (virtio 5.1.6.4.5). */
  hash = 0;
  hashReport = 0;
  /** By whose settings it was hashed; undefined while nobody has asked. */
  hashedBy: object | undefined;
  /** Why it was not delivered, as whoever counted that noted it. */
  lost: DropReason | FilterReason | undefined;

  private count = 0;
  private readonly bytes: Uint8Array[] = [];
  /** The same memory, where it was given. */
  private readonly data: (DataView | undefined)[] = [];
  /** Whole numbers of 32 bits: as elements of an array, addresses above 1 GiB would be floating-point numbers. */
  private starts = new Uint32Array(initialRanges);
  private lengths = new Uint32Array(initialRanges);
  /** The answer of `head`, where `headKnown` says so. */
  private readonly first: Head = { bytes: noBytes, start: 0, end: 0 };
  private headKnown = false;
  /** Where `head` puts bytes together that lie apart; made when that happens first. */
  private scratch: Uint8Array | undefined;

  /** Empties it, for a frame that comes from `lane`. */
  start(lane: number): this {
    this.length = 0;
    this.lane = lane;
    this.needsChecksum = false;
    this.gso = gsoType.none;
    this.gsoSize = 0;
    this.gsoEcn = false;
    this.tunnel = 0;
    this.tunnelChecksum = false;
    this.headerLength = 0;
    this.flow = -1;
    this.hashedBy = undefined;
    this.lost = undefined;
    this.count = 0;
    this.headKnown = false;
    return this;
  }

  /**
   * Adds `length` bytes of `bytes` from `start` on.
   * @param data the same memory: short frames are then copied by words
   */
  add(bytes: Uint8Array, start: number, length: number, data?: DataView): this {
    if (length === 0) return this;
    if (this.count === this.lengths.length) this.grow();
    this.bytes[this.count] = bytes;
    this.data[this.count] = data;
    this.starts[this.count] = start;
    this.lengths[this.count] = length;
    this.count++;
    this.length += length;
    return this;
  }

  /** Adds `length` bytes of `other` from `from` on. The caller knows that it has them. */
  addFrom(other: Frame, from: number, length: number): this {
    let skip = from;
    for (let i = 0; length > 0; i++) {
      const available = other.lengths[i] - skip;
      if (available <= 0) {
        skip -= other.lengths[i];
        continue;
      }
      const size = Math.min(available, length);
      this.add(other.bytes[i], other.starts[i] + skip, size, other.data[i]);
      length -= size;
      skip = 0;
    }
    return this;
  }

  /** The ones' complement sum of `length` bytes of the frame from `from` on, as of `sumBytes`. The caller knows that it has them. */
  sum(from: number, length: number): number {
    let sum = 0;
    let done = 0;
    let skip = from;
    for (let i = 0; done < length; i++) {
      const available = this.lengths[i] - skip;
      if (available <= 0) {
        skip -= this.lengths[i];
        continue;
      }
      const size = Math.min(available, length - done);
      sum += swapIf((done & 1) === 1, sumBytes(this.bytes[i], this.starts[i] + skip, size));
      done += size;
      skip = 0;
    }
    return fold(sum);
  }

  /**
   * Copies `length` bytes of the frame from `from` on to `target` at `at`. The caller knows that both have them.
   * @param targetData the same memory as `target`, as for `add`
   */
  copy(from: number, length: number, target: Uint8Array, at: number, targetData?: DataView): void {
    let skip = from;
    for (let i = 0; length > 0; i++) {
      const available = this.lengths[i] - skip;
      if (available <= 0) {
        skip -= this.lengths[i];
        continue;
      }
      const size = Math.min(available, length);
      const start = this.starts[i] + skip;
      const data = this.data[i];
      if (size > shortCopy) copyLong(this.bytes[i], start, size, target, at);
      else if (data && targetData) copyWords(data, start, size, targetData, at);
      else copyBytes(this.bytes[i], start, size, target, at);
      at += size;
      length -= size;
      skip = 0;
    }
  }

  /** Where the first bytes of the frame stand, up to `headBytes` of them, to look at during the call. */
  head(): Readonly<Head> {
    if (!this.headKnown) this.findHead();
    return this.first;
  }

  /** The frame's bytes in a buffer of their own. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    this.copy(0, this.length, bytes, 0);
    return bytes;
  }

  /** Takes over what the packet header of `other` means, but not its bytes. */
  describeAs(other: Frame): this {
    this.needsChecksum = other.needsChecksum;
    this.checksumStart = other.checksumStart;
    this.checksumOffset = other.checksumOffset;
    this.gso = other.gso;
    this.gsoSize = other.gsoSize;
    this.gsoEcn = other.gsoEcn;
    this.tunnel = other.tunnel;
    this.tunnelChecksum = other.tunnelChecksum;
    this.outerTransport = other.outerTransport;
    this.innerNetwork = other.innerNetwork;
    this.headerLength = other.headerLength;
    return this;
  }

  private grow(): void {
    const { starts, lengths } = this;
    this.starts = new Uint32Array(2 * starts.length);
    this.starts.set(starts);
    this.lengths = new Uint32Array(2 * lengths.length);
    this.lengths.set(lengths);
  }

  private findHead(): void {
    const { first } = this;
    const length = Math.min(this.length, headBytes);
    if (this.count > 0 && this.lengths[0] >= length) {
      first.bytes = this.bytes[0];
      first.start = this.starts[0];
    } else {
      first.bytes = this.scratch ??= new Uint8Array(headBytes);
      first.start = 0;
      this.copy(0, length, this.scratch, 0);
    }
    first.end = first.start + length;
    this.headKnown = true;
  }
}

/** The bytes from `start` up to, but not including, `end`: a place in somebody's bytes, since a view would be an object more. */
export interface Head {
  bytes: Uint8Array;
  start: number;
  end: number;
}

const noBytes = new Uint8Array(0);

/** Most frames have fewer; a 64 KiB segment from Linux has about nineteen. */
const initialRanges = 24;

/** Enough for Ethernet, two VLAN tags, IPv6 with an extension header, and TCP's ports. */
export const headBytes = 128;

/** Destination and source address and type: what every frame has. */
export const ethernetHeaderBytes = 14;
