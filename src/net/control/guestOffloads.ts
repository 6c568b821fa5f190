import type { Features } from '../../virtio/features.js';
import {
  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM,
} from '../features.js';
import type { Command } from './command.js';

const bitsBytes = 8;

/** Offloads that have another bit here than their features, which are beyond the 64 of the command. */
const moved = [
  [46n, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO],
  [47n, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM],
] as const;

/** The features for which the bits of the command stand. */
function featuresOf(data: Uint8Array): Features {
  const bits = data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return moved.reduce((sum, [bit, feature]) => ((sum >> bit) & 1n ? (sum & ~(1n << bit)) | feature : sum), bits);
}

/** VIRTIO_NET_CTRL_GUEST_OFFLOADS (virtio 5.1.6.5.8). */
export const guestOffloadsCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET',
    class: 5,
    command: 0,
    feature: VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
    length: bitsBytes,
    run: (data, card) => card.guestOffloads.set(featuresOf(data)),
  },
];
