import { has } from '../features.js';
import { view } from '../memory.js';

/** `flags` (virtio 5.1.6). */
export const headerFlag = {
  needsChecksum: 1,
  dataValid: 2,
  rscInfo: 4,
  tunnelChecksum: 8,
  security: 0x10,
  securityError: 0x20,
  securityWarning: 0x40,
} as const;

/** `gso_type`: a kind, and bits that go with it. */
export const gso = { none: 0, tcp4: 1, udp: 3, tcp6: 4, udpL4: 5, tunnel4: 0x20, tunnel6: 0x40, ecn: 0x80 } as const;

/** struct virtio_net_hdr. */
export interface PacketHeader {
  readonly flags: number;
  readonly gsoType: number;
  readonly headerLength: number;
  readonly gsoSize: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  /** 0 where the header has no such field. */
  readonly numBuffers: number;
  /** These two are there with VIRTIO_NET_F_HASH_REPORT only. */
  readonly hashValue: number;
  readonly hashReport: number;
  /** And these with segments in UDP tunnels only. */
  readonly outerTransport: number;
  readonly innerNetwork: number;
}

const longest = 24;

/** How long the header is, in bytes. */
export function headerBytes(features: bigint): number {
  const tunnels = ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO'] as const;
  if (tunnels.some((name) => has(features, name))) return longest;
  if (has(features, 'VIRTIO_NET_F_HASH_REPORT')) return 20;
  // A legacy header has num_buffers only where buffers are merged (5.1.6.1).
  return has(features, 'VIRTIO_F_VERSION_1') || has(features, 'VIRTIO_NET_F_MRG_RXBUF') ? 12 : 10;
}

/** The header's bytes; what is left out is 0. */
export function encodeHeader(header: Partial<PacketHeader>, length: number): Uint8Array {
  const bytes = new Uint8Array(longest);
  const fields = view(bytes);
  fields.setUint8(0, header.flags ?? 0);
  fields.setUint8(1, header.gsoType ?? gso.none);
  fields.setUint16(2, header.headerLength ?? 0, true);
  fields.setUint16(4, header.gsoSize ?? 0, true);
  fields.setUint16(6, header.checksumStart ?? 0, true);
  fields.setUint16(8, header.checksumOffset ?? 0, true);
  fields.setUint16(10, header.numBuffers ?? 0, true);
  fields.setUint32(12, header.hashValue ?? 0, true);
  fields.setUint16(16, header.hashReport ?? 0, true);
  fields.setUint16(20, header.outerTransport ?? 0, true);
  fields.setUint16(22, header.innerNetwork ?? 0, true);
  return bytes.subarray(0, length);
}

/** @param bytes as many as the header has */
export function decodeHeader(bytes: Uint8Array): PacketHeader {
  const whole = new Uint8Array(longest);
  whole.set(bytes.subarray(0, longest));
  const fields = view(whole);
  return {
    flags: fields.getUint8(0),
    gsoType: fields.getUint8(1),
    headerLength: fields.getUint16(2, true),
    gsoSize: fields.getUint16(4, true),
    checksumStart: fields.getUint16(6, true),
    checksumOffset: fields.getUint16(8, true),
    numBuffers: fields.getUint16(10, true),
    hashValue: fields.getUint32(12, true),
    hashReport: fields.getUint16(16, true),
    outerTransport: fields.getUint16(20, true),
    innerNetwork: fields.getUint16(22, true),
  };
}
