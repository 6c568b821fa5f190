import { checksumOf, fold } from './checksum.js';
import { gsoType, type Frame } from './frame.js';
import { IpHeader, maxIpLength, protocol, udp } from './ipHeader.js';
import { offload } from './offloads.js';
import { Tunnel } from './tunnel.js';
import { read16, read32, write16, write32 } from './words.js';

/** A way to make several frames of one. */
export interface Division {
  /** Begins with a frame, for a receiver that can take `offloads`; answers how many it will be, 0 where it can't be done. */
  start(frame: Frame, offloads: number): number;
  /** Adds the bytes of the frame with this number, from 0, to `target`, which is empty. */
  make(index: number, target: Frame): void;
}

/** Room for the headers of any frame that is to be cut: no real one has more. */
export const maxHeaderBytes = 512;

/** Offsets from the start of the header, and its length without options (RFC 9293). */
const tcp = { sequence: 4, dataOffset: 12, flags: 13, checksum: 16, bytes: 20 } as const;
/** Only the last segment ends or pushes the stream; only the first tells that the window was reduced (RFC 3168, 6.1.2). */
const flag = { fin: 1, psh: 8, cwr: 0x80 } as const;

/** What a frame must be for each type, and how small its segments may be: tiny ones of TCP are an attack. */
const shapes: Readonly<Record<number, { versions: readonly number[]; tcp: boolean; smallest: number } | undefined>> = {
  [gsoType.tcp4]: { versions: [4], tcp: true, smallest: 8 },
  [gsoType.tcp6]: { versions: [6], tcp: true, smallest: 8 },
  [gsoType.udpL4]: { versions: [4, 6], tcp: false, smallest: 1 },
};

/**
 * Cuts the payload of TCP into segments, or that of UDP into datagrams, of `gsoSize` bytes, and gives each the headers of
 * the whole (virtio 5.1.6.2): lengths, IPv4 identification, sequence number, flags and checksums are its own.
 */
export class Cut implements Division {
  private readonly bytes = new Uint8Array(maxHeaderBytes);
  /** Of the packet that is cut, and what it is in, if anything. */
  private readonly ip = new IpHeader();
  private readonly tunnel = new Tunnel();
  private frame!: Frame;
  private count = 0;
  private tcp = false;
  /** Whether the receiver fills in the checksums. */
  private partial = false;
  /** In bytes: all headers, and what is behind them. */
  private headers = 0;
  private payload = 0;
  /** The sum of the pseudo header without its length. */
  private pseudo = 0;
  private sequence = 0;
  private flags = 0;

  start(frame: Frame, offloads: number): number {
    this.frame = frame;
    // A tunnel's checksum covers the inner one, so both are filled in.
    this.partial = (offloads & offload.checksum) !== 0 && frame.tunnel === 0;
    return (this.count = this.readHeaders(frame) ? Math.max(1, Math.ceil(this.payload / frame.gsoSize)) : 0);
  }

  make(index: number, target: Frame): void {
    const { bytes, frame, headers, ip } = this;
    const from = index * frame.gsoSize;
    const length = Math.min(frame.gsoSize, this.payload - from);
    const { transport } = ip;
    const transportLength = headers - transport + length;
    ip.writePacket(bytes, headers + length, index);
    if (frame.tunnel !== 0) this.tunnel.write(bytes, headers + length, index);
    if (this.tcp) {
      write32(bytes, transport + tcp.sequence, this.sequence + from);
      const notLast = index < this.count - 1 ? flag.fin | flag.psh : 0;
      const notFirst = index > 0 ? flag.cwr : 0;
      bytes[transport + tcp.flags] = this.flags & ~notLast & ~notFirst;
    } else {
      write16(bytes, transport + udp.length, transportLength);
    }
    const checksum = transport + frame.checksumOffset;
    write16(bytes, checksum, fold(this.pseudo + transportLength));
    target.add(bytes, 0, headers).addFrom(frame, headers + from, length);
    if (this.partial) {
      target.needsChecksum = true;
      target.checksumStart = frame.checksumStart;
      target.checksumOffset = frame.checksumOffset;
    } else {
      write16(bytes, checksum, checksumOf(target.sum(transport, transportLength)));
    }
    if (frame.tunnel !== 0) this.tunnel.finish(bytes, target);
  }

  /** False where the headers are not those of the frame's type, or don't add up. */
  private readHeaders(frame: Frame): boolean {
    const { bytes, ip } = this;
    const shape = shapes[frame.gso];
    const length = Math.min(frame.length, bytes.length);
    frame.copy(0, length, bytes, 0);
    if (!shape || !frame.needsChecksum || frame.gsoSize < shape.smallest) return false;
    if (!this.findPacket(frame, length)) return false;
    this.tcp = shape.tcp;
    if (!shape.versions.includes(ip.version) || ip.protocol !== (shape.tcp ? protocol.tcp : protocol.udp)) return false;
    const { transport } = ip;
    const checksum = shape.tcp ? tcp.checksum : udp.checksum;
    if (frame.checksumStart !== transport || frame.checksumOffset !== checksum) return false;
    const least = shape.tcp ? tcp.bytes : udp.bytes;
    const size = shape.tcp ? 4 * (bytes[transport + tcp.dataOffset] >>> 4) : udp.bytes;
    this.headers = transport + size;
    if (size < least || this.headers > length) return false;
    this.payload = frame.length - this.headers;
    const end = this.headers + Math.min(frame.gsoSize, this.payload);
    if (ip.lengthTo(end) > maxIpLength || (frame.tunnel !== 0 && !this.tunnel.holds(end))) return false;
    this.pseudo = fold(read16(bytes, transport + checksum) + 0xffff - fold(frame.length - transport));
    this.sequence = read32(bytes, transport + tcp.sequence);
    this.flags = bytes[transport + tcp.flags];
    return true;
  }

  /** Finds the IP header of what is to be cut, and those of the tunnel that it is in. */
  private findPacket(frame: Frame, length: number): boolean {
    const { bytes, ip } = this;
    if (frame.tunnel === 0) return ip.find(bytes, length);
    return this.tunnel.find(frame, bytes, length) && ip.findAt(bytes, length, frame.innerNetwork, frame.tunnel);
  }
}
