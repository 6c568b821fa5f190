import { gsoType, type Frame } from './frame.js';
import { headersEnd } from './transport.js';

/**
 * Offsets in `struct virtio_net_hdr` (virtio 5.1.6); fields of more than one byte are little-endian. Cards and Linux's taps
 * have it before each packet, as long as was agreed.
 */
export const headerField = {
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
const field = headerField;

/** Bits of `flags`; others mean nothing here and are not looked at (5.1.6.2.2). */
export const headerFlag = { needsChecksum: 1, dataValid: 2, rscInfo: 4, tunnelChecksum: 8 } as const;

/** Beside the kind of segmentation in `gso_type`: the segments carry explicit congestion notification. */
const gsoEcn = 0x80;
/** The same: what is to be segmented is inside of a UDP tunnel, over IPv4 or IPv6. */
const gsoTunnel = { 4: 0x20, 6: 0x40 } as const;
export const gsoTunnels = gsoTunnel[4] | gsoTunnel[6];

/** Of the field that the checksum goes into. */
const checksumBytes = 2;

/** Describes a frame, which was just started, as its header says (5.1.6.2). Nothing is checked. */
export function describeByHeader(frame: Frame, bytes: Uint8Array): void {
  const flags = bytes[field.flags];
  const kind = bytes[field.gsoType];
  frame.needsChecksum = (flags & headerFlag.needsChecksum) !== 0;
  if (frame.needsChecksum) {
    frame.checksumStart = getField(bytes, field.checksumStart);
    frame.checksumOffset = getField(bytes, field.checksumOffset);
  }
  if (kind === gsoType.none) return;
  frame.gso = kind & ~(gsoEcn | gsoTunnels);
  frame.gsoEcn = (kind & gsoEcn) !== 0;
  frame.gsoSize = getField(bytes, field.gsoSize);
  frame.headerLength = getField(bytes, field.headerLength);
  if ((kind & gsoTunnels) === 0) return;
  frame.tunnel = kind & gsoTunnel[6] ? 6 : 4;
  frame.tunnelChecksum = (flags & headerFlag.tunnelChecksum) !== 0;
  // A header without the fields is of somebody who may not ask for tunnels.
  if (bytes.length <= field.innerNetwork) return;
  frame.outerTransport = getField(bytes, field.outerTransport);
  frame.innerNetwork = getField(bytes, field.innerNetwork);
}

/** Makes `bytes` the header of a frame (5.1.6.4); what only cards say is zero. */
export function writeHeader(frame: Frame, bytes: Uint8Array): void {
  // Not by fill: a call costs more than these few bytes.
  for (let i = 0; i < bytes.length; i++) bytes[i] = 0;
  if (!frame.needsChecksum) return;
  bytes[field.flags] = headerFlag.needsChecksum;
  setField(bytes, field.checksumStart, frame.checksumStart);
  setField(bytes, field.checksumOffset, frame.checksumOffset);
  if (frame.gso === gsoType.none) return;
  bytes[field.gsoType] = frame.gso | (frame.gsoEcn ? gsoEcn : 0);
  setField(bytes, field.gsoSize, frame.gsoSize);
  setField(bytes, field.headerLength, headersEnd(frame) || frame.headerLength);
  if (frame.tunnel === 0) return;
  bytes[field.gsoType] |= gsoTunnel[frame.tunnel];
  if (frame.tunnelChecksum) bytes[field.flags] |= headerFlag.tunnelChecksum;
  setField(bytes, field.outerTransport, frame.outerTransport);
  setField(bytes, field.innerNetwork, frame.innerNetwork);
}

/** What in the description of a frame does not fit the packet or itself. */
export function contradiction(frame: Frame): string | undefined {
  if (frame.gso !== gsoType.none) {
    if (!frame.needsChecksum) return `gso_type is ${frame.gso} without VIRTIO_NET_HDR_F_NEEDS_CSUM`;
    if (frame.gsoSize === 0) return `gso_type is ${frame.gso} and gso_size is 0`;
  }
  if (!frame.needsChecksum) return undefined;
  const end = frame.checksumStart + frame.checksumOffset + checksumBytes;
  return end > frame.length ? `the checksum ends at ${end} in a packet of ${frame.length} bytes` : undefined;
}

export function getField(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function setField(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = value >>> 8;
}
