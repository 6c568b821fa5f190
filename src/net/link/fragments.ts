import { addChecksummed } from './checksum.js';
import { maxHeaderBytes, type Division } from './cut.js';
import { Frame } from './frame.js';
import { IpHeader, maxIpLength, protocol, udp } from './ipHeader.js';
import { read32 } from './words.js';

/**
 * Fragments a UDP datagram (virtio 5.1.6.2, VIRTIO_NET_HDR_GSO_UDP): each fragment has up to `gsoSize` bytes of what IP
 * carries. The checksum is that of the whole datagram, so it is always filled in.
 */
export class Fragments implements Division {
  private readonly bytes = new Uint8Array(maxHeaderBytes);
  private readonly field = new Uint8Array(2);
  private readonly ip = new IpHeader();
  /** The datagram with its checksum. */
  private readonly whole = new Frame();
  private count = 0;
  /** Bytes in every fragment but the last, a multiple of 8. */
  private size = 0;
  private identification = 0;

  start(frame: Frame): number {
    return (this.count = this.readHeaders(frame) ? Math.ceil(this.payload / this.size) : 0);
  }

  make(index: number, target: Frame): void {
    const { bytes, ip, whole } = this;
    if (this.count === 1) {
      target.addFrom(whole, 0, whole.length);
      return;
    }
    const offset = index * this.size;
    const length = Math.min(this.size, this.payload - offset);
    const headers = ip.writeFragment(bytes, offset, length, index < this.count - 1, this.identification);
    target.add(bytes, 0, headers).addFrom(whole, ip.fragmentsFrom + offset, length);
  }

  /** In bytes: what is divided among the fragments. */
  private get payload(): number {
    return this.whole.length - this.ip.fragmentsFrom;
  }

  private readHeaders(frame: Frame): boolean {
    const { bytes, ip, whole } = this;
    const length = Math.min(frame.length, bytes.length);
    frame.copy(0, length, bytes, 0);
    if (!ip.find(bytes, length) || ip.protocol !== protocol.udp) return false;
    const { transport } = ip;
    if (transport + udp.bytes > length || ip.lengthTo(frame.length) > maxIpLength) return false;
    if (frame.needsChecksum && (frame.checksumStart !== transport || frame.checksumOffset !== udp.checksum))
      return false;
    this.size = frame.gsoSize & ~7;
    if (this.size === 0 || !addChecksummed(frame, whole.start(frame.lane), this.field)) return false;
    whole.copy(transport, udp.bytes, bytes, transport);
    this.identification = identify(bytes, ip);
    return true;
  }
}

/**
 * A number for all fragments of an IPv6 datagram that another of the same two stations hardly has: made of addresses,
 * ports, length and checksum, so that it is the same again when the sending of the fragments is taken up later.
 */
function identify(bytes: Uint8Array, ip: IpHeader): number {
  let hash = 0;
  for (let at = ip.start + 8; at < ip.start + 40; at += 4) hash = mix(hash, read32(bytes, at));
  for (let at = ip.transport; at < ip.transport + udp.bytes; at += 4) hash = mix(hash, read32(bytes, at));
  return hash >>> 0;
}

function mix(hash: number, word: number): number {
  const next = Math.imul(hash ^ word, 0x9e3779b1);
  return next ^ (next >>> 15);
}
