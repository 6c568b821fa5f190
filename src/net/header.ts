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
import type { Prefix } from './chainBytes.js';
import { gsoType, type Frame } from './link/frame.js';
import { neededOffloads } from './link/offloads.js';
import {
  contradiction,
  describeByHeader,
  getField,
  gsoTunnels,
  headerField as field,
  headerFlag as flag,
  setField,
  writeHeader,
} from './link/packetHeader.js';
import { offloadsOf, transmitOffloads } from './offloads.js';

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
  /** Of every header, in bytes. */
  readonly length: number;
  /** The header of a packet that the driver sends. */
  readonly sent: Uint8Array;
  /** The header of a packet that the driver gets, and the same to be put before its frame. */
  readonly received: Uint8Array;
  readonly prefix: Prefix;
  /** `received` says nothing of its packet but its hash, and that it takes so many buffers; 0 where it says more. */
  private plainFor = 0;
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
    const length = headerBytes(features);
    this.length = length;
    this.sent = new Uint8Array(length);
    this.received = new Uint8Array(length);
    this.prefix = { data: new DataView(this.received.buffer), length };
    this.allowed = offloadsOf(features, transmitOffloads);
    this.tunnelFlags = hasFeature(features, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM) ? flag.tunnelChecksum : 0;
    this.countsSegments = hasFeature(features, VIRTIO_NET_F_RSC_EXT);
  }

  /** Describes a frame, all of whose bytes it has, as `sent` says (5.1.6.2); answers what is wrong with it, if anything. */
  read(frame: Frame): HeaderFault | undefined {
    const { sent: bytes } = this;
    describeByHeader(frame, bytes);
    const kind = bytes[field.gsoType];
    if ((bytes[field.flags] & this.tunnelFlags) !== 0 && (kind & gsoTunnels) === 0) return checksumOfNoTunnel;
    if (!frame.needsChecksum && kind === gsoType.none) return undefined;
    return this.check(frame, kind);
  }

  /** Makes `received` the header of a frame that the driver gets in this many buffers (5.1.6.4). */
  write(frame: Frame, buffers: number): void {
    const plainFor = frame.needsChecksum ? 0 : buffers;
    if (plainFor === 0 || plainFor !== this.plainFor) this.describe(frame, buffers);
    this.plainFor = plainFor;
    if (this.hash) this.writeHash(frame, this.hash);
  }

  private describe(frame: Frame, buffers: number): void {
    const { received: bytes } = this;
    writeHeader(frame, bytes);
    if (bytes.length > field.numBuffers) setField(bytes, field.numBuffers, buffers);
    if (!this.countsSegments || !frame.needsChecksum || frame.gso === gsoType.none) return;
    bytes[field.flags] |= flag.rscInfo;
    const headers = getField(bytes, field.headerLength);
    setField(bytes, field.checksumStart, Math.ceil((frame.length - headers) / frame.gsoSize));
    setField(bytes, field.checksumOffset, 0); // No duplicated acknowledgement is ever merged here.
  }

  private check(frame: Frame, kind: number): HeaderFault | undefined {
    const known = frame.gso === gsoType.none ? (kind & ~gsoTunnels) === gsoType.none : kinds.has(frame.gso);
    if (!known) return { notNegotiated: true, detail: `gso_type is 0x${kind.toString(16)}` };
    const senseless = tunnelContradiction(frame, kind, this.sent[field.flags]);
    const missing = senseless === undefined && (neededOffloads(frame) & ~this.allowed) !== 0;
    if (missing) {
      return { notNegotiated: true, detail: `gso_type is 0x${kind.toString(16)}, flags ${this.sent[field.flags]}` };
    }
    const wrong = senseless ?? contradiction(frame);
    return wrong === undefined ? undefined : { notNegotiated: false, detail: wrong };
  }

  /** 5.1.6.4.5. */
  private writeHash(frame: Frame, hash: ReceiveHash): void {
    hash.find(frame);
    const { received: bytes } = this;
    setField(bytes, field.hashValue, frame.hash);
    setField(bytes, field.hashValue + 2, frame.hash >>> 16);
    setField(bytes, field.hashReport, frame.hashReport);
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

/** What of a tunnel does not fit: a packet to be segmented in it is TCP, or UDP in datagrams, over one version of IP. */
function tunnelContradiction(frame: Frame, kind: number, flags: number): string | undefined {
  if (frame.tunnel === 0) return undefined;
  if ((flags & flag.dataValid) !== 0) return 'VIRTIO_NET_HDR_F_DATA_VALID with a tunnel';
  if ((kind & gsoTunnels) === gsoTunnels) return 'gso_type names both kinds of tunnel';
  if (frame.gso === gsoType.none || frame.gso === gsoType.udp) return `gso_type is ${frame.gso} in a tunnel`;
  return undefined;
}
