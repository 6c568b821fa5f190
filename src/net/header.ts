import { hasFeature, VIRTIO_F_VERSION_1, type Features } from '../virtio/features.js';
import {
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO,
  VIRTIO_NET_F_HASH_REPORT,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_F_RSC_EXT,
} from './features.js';
import type { ReceiveHash } from './hash/receiveHash.js';
import { gsoType, type Frame } from './link/frame.js';
import { neededOffloads } from './link/offloads.js';
import { headersEnd } from './link/transport.js';
import { offloadsOf, transmitOffloads } from './offloads.js';

/** Offsets in `struct virtio_net_hdr` (virtio 5.1.6); fields of more than one byte are little-endian. */
const field = {
  flags: 0,
  gsoType: 1,
  headerLength: 2,
  gsoSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
  numBuffers: 10,
  hashValue: 12,
  hashReport: 16,
  outerTransport: 20,
  innerNetwork: 22,
} as const;

/** Bits of `flags`; others mean nothing to this card and are not looked at (5.1.6.2.2). */
const flag = { needsChecksum: 1, dataValid: 2, rscInfo: 4, tunnelChecksum: 8 } as const;

/** Beside the kind of segmentation in `gso_type`: the segments carry explicit congestion notification. */
const gsoEcn = 0x80;
/** The same: what is to be segmented is inside of a UDP tunnel, over IPv4 or IPv6. */
const gsoTunnel = { 4: 0x20, 6: 0x40 } as const;
const gsoTunnels = gsoTunnel[4] | gsoTunnel[6];

/** Of the field that the checksum goes into. */
const checksumBytes = 2;

/** Why a packet header can't be followed. */
export interface HeaderFault {
  /** It asks for what was not negotiated; otherwise it contradicts itself or its packet. */
  readonly notNegotiated: boolean;
  readonly detail: string;
}

const checksumOfNoTunnel: HeaderFault = {
  notNegotiated: false,
  detail: 'VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM without a tunnel',
};

/** The header before each packet, as it was negotiated: `struct virtio_net_hdr` (virtio 5.1.6). */
export class PacketHeader {
  /** The header that is being worked on; its length is that of every header. */
  readonly bytes: Uint8Array;
  /** What the driver may ask for in packets that it sends. */
  private readonly allowed: number;
  /** The flag that needs a tunnel, where the driver may set it. */
  private readonly tunnelFlags: number;
  /** VIRTIO_NET_F_RSC_EXT: the driver wants to know of how many segments a packet is. */
  private readonly countsSegments: boolean;
  private readonly hash: ReceiveHash | undefined;

  /** @param hash what is reported of packets with VIRTIO_NET_F_HASH_REPORT */
  constructor(features: Features, hash: ReceiveHash) {
    this.hash = hasFeature(features, VIRTIO_NET_F_HASH_REPORT) ? hash : undefined;
    this.bytes = new Uint8Array(headerBytes(features));
    this.allowed = offloadsOf(features, transmitOffloads);
    this.tunnelFlags = hasFeature(features, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM) ? flag.tunnelChecksum : 0;
    this.countsSegments = hasFeature(features, VIRTIO_NET_F_RSC_EXT);
  }

  /** Describes a frame, all of whose bytes it has, as `bytes` says (5.1.6.2); answers what is wrong with it, if anything. */
  read(frame: Frame): HeaderFault | undefined {
    const { bytes } = this;
    frame.needsChecksum = (bytes[field.flags] & flag.needsChecksum) !== 0;
    const kind = bytes[field.gsoType];
    if ((bytes[field.flags] & this.tunnelFlags) !== 0 && (kind & gsoTunnels) === 0) return checksumOfNoTunnel;
    if (!frame.needsChecksum && kind === gsoType.none) return undefined;
    if (frame.needsChecksum) {
      frame.checksumStart = this.get(field.checksumStart);
      frame.checksumOffset = this.get(field.checksumOffset);
    }
    if (kind !== gsoType.none) {
      frame.gso = kind & ~(gsoEcn | gsoTunnels);
      frame.gsoEcn = (kind & gsoEcn) !== 0;
      frame.gsoSize = this.get(field.gsoSize);
      frame.headerLength = this.get(field.headerLength);
      this.readTunnel(frame, kind);
    }
    return this.check(frame, kind);
  }

  /** Makes `bytes` the header of a frame that the driver gets in this many buffers (5.1.6.4). */
  write(frame: Frame, buffers: number): void {
    const { bytes } = this;
    bytes.fill(0);
    if (bytes.length > field.numBuffers) this.set(field.numBuffers, buffers);
    this.writeHash(frame);
    if (!frame.needsChecksum) return;
    bytes[field.flags] = flag.needsChecksum;
    this.set(field.checksumStart, frame.checksumStart);
    this.set(field.checksumOffset, frame.checksumOffset);
    if (frame.gso === gsoType.none) return;
    bytes[field.gsoType] = frame.gso | (frame.gsoEcn ? gsoEcn : 0);
    this.set(field.gsoSize, frame.gsoSize);
    this.writeTunnel(frame);
    const headers = headersEnd(frame) || frame.headerLength;
    this.set(field.headerLength, headers);
    if (!this.countsSegments) return;
    bytes[field.flags] |= flag.rscInfo;
    this.set(field.checksumStart, Math.ceil((frame.length - headers) / frame.gsoSize));
    this.set(field.checksumOffset, 0); // No duplicated acknowledgement is ever merged here.
  }

  /** 5.1.6.2; a header without the fields is of a driver that may not ask for tunnels, as `check` finds. */
  private readTunnel(frame: Frame, kind: number): void {
    if ((kind & gsoTunnels) === 0) return;
    frame.tunnel = kind & gsoTunnel[6] ? 6 : 4;
    frame.tunnelChecksum = (this.bytes[field.flags] & flag.tunnelChecksum) !== 0;
    if (!this.tunnels) return;
    frame.outerTransport = this.get(field.outerTransport);
    frame.innerNetwork = this.get(field.innerNetwork);
  }

  private writeTunnel(frame: Frame): void {
    if (frame.tunnel === 0) return;
    this.bytes[field.gsoType] |= gsoTunnel[frame.tunnel];
    if (frame.tunnelChecksum) this.bytes[field.flags] |= flag.tunnelChecksum;
    this.set(field.outerTransport, frame.outerTransport);
    this.set(field.innerNetwork, frame.innerNetwork);
  }

  private get tunnels(): boolean {
    return this.bytes.length > field.innerNetwork;
  }

  private check(frame: Frame, kind: number): HeaderFault | undefined {
    const known = frame.gso === gsoType.none ? (kind & ~gsoTunnels) === gsoType.none : kinds.has(frame.gso);
    if (!known) return { notNegotiated: true, detail: `gso_type is 0x${kind.toString(16)}` };
    const senseless = tunnelContradiction(frame, kind, this.bytes[field.flags]);
    const missing = senseless === undefined && (neededOffloads(frame) & ~this.allowed) !== 0;
    if (missing) {
      return { notNegotiated: true, detail: `gso_type is 0x${kind.toString(16)}, flags ${this.bytes[field.flags]}` };
    }
    const wrong = senseless ?? contradiction(frame);
    return wrong === undefined ? undefined : { notNegotiated: false, detail: wrong };
  }

  /** 5.1.6.4.5. */
  private writeHash(frame: Frame): void {
    if (!this.hash) return;
    this.hash.find(frame);
    this.set(field.hashValue, frame.hash);
    this.set(field.hashValue + 2, frame.hash >>> 16);
    this.set(field.hashReport, frame.hashReport);
  }

  private get(at: number): number {
    return this.bytes[at] | (this.bytes[at + 1] << 8);
  }

  private set(at: number, value: number): void {
    this.bytes[at] = value & 0xff;
    this.bytes[at + 1] = value >>> 8;
  }
}

/** Length of the header; a legacy driver knows `num_buffers` only where it accepted mergeable receive buffers (5.1.6.1). */
function headerBytes(features: Features): number {
  if (hasFeature(features, tunnelFeatures)) return 24;
  if (hasFeature(features, VIRTIO_NET_F_HASH_REPORT)) return 20;
  return hasFeature(features, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF) ? 12 : field.numBuffers;
}

const tunnelFeatures = VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO | VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO;

const kinds: ReadonlySet<number> = new Set(Object.values(gsoType));

/** What in the header does not fit the packet or itself. */
function contradiction(frame: Frame): string | undefined {
  if (frame.gso !== gsoType.none) {
    if (!frame.needsChecksum) return `gso_type is ${frame.gso} without VIRTIO_NET_HDR_F_NEEDS_CSUM`;
    if (frame.gsoSize === 0) return `gso_type is ${frame.gso} and gso_size is 0`;
  }
  const end = frame.checksumStart + frame.checksumOffset + checksumBytes;
  if (end > frame.length) return `the checksum ends at ${end} in a packet of ${frame.length} bytes`;
  return undefined;
}

/** What of a tunnel does not fit: a packet to be segmented in it is TCP, or UDP in datagrams, over one version of IP. */
function tunnelContradiction(frame: Frame, kind: number, flags: number): string | undefined {
  if (frame.tunnel === 0) return undefined;
  if ((flags & flag.dataValid) !== 0) return 'VIRTIO_NET_HDR_F_DATA_VALID with a tunnel';
  if ((kind & gsoTunnels) === gsoTunnels) return 'gso_type names both kinds of tunnel';
  if (frame.gso === gsoType.none || frame.gso === gsoType.udp) return `gso_type is ${frame.gso} in a tunnel`;
  return undefined;
}
