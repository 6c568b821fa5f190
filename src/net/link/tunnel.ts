import { checksumOf, fold } from './checksum.js';
import type { Frame } from './frame.js';
import { IpHeader, maxIpLength, protocol, udp } from './ipHeader.js';
import { read16, write16 } from './words.js';

/**
 * What stands before the inner packet where the payload of a UDP tunnel is cut (virtio 5.1.6.2): Ethernet, IP, UDP, the
 * tunnel's own header, which every segment has unchanged, and mostly Ethernet again.
 */
export class Tunnel {
  private readonly ip = new IpHeader();
  /** Whether its UDP checksum is to be filled in; otherwise it is 0 for none, or right for each segment already. */
  private checked = false;
  /** The sum of the pseudo header without its length. */
  private pseudo = 0;

  /** Finds the tunnel of a frame that begins with `length` bytes at the start of `bytes`; false where there is none. */
  find(frame: Frame, bytes: Uint8Array, length: number): boolean {
    const { ip } = this;
    const at = frame.outerTransport;
    if (!ip.find(bytes, length) || ip.protocol !== protocol.udp || ip.transport !== at) return false;
    if (frame.innerNetwork < at + udp.bytes) return false;
    this.checked = frame.tunnelChecksum;
    // The length to take away is that of the packet: the one in the header has 16 bits, which may be too few.
    this.pseudo = fold(read16(bytes, at + udp.checksum) + 0xffff - fold(frame.length - at));
    return true;
  }

  /** Whether IP can say how long a packet is that ends at `end`. */
  holds(end: number): boolean {
    return this.ip.lengthTo(end) <= maxIpLength;
  }

  /** Makes the headers in `bytes` those of segment `index`, which ends at `end`. */
  write(bytes: Uint8Array, end: number, index: number): void {
    const { ip } = this;
    ip.writePacket(bytes, end, index);
    const length = end - ip.transport;
    write16(bytes, ip.transport + udp.length, length);
    if (this.checked) write16(bytes, ip.transport + udp.checksum, fold(this.pseudo + length));
  }

  /** Fills in the checksum, once the rest of the segment is as it will be sent. */
  finish(bytes: Uint8Array, segment: Frame): void {
    if (!this.checked) return;
    const at = this.ip.transport;
    write16(bytes, at + udp.checksum, checksumOf(segment.sum(at, segment.length - at)));
  }
}
