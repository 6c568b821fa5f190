import { featureBits } from '../../driver/index.js';

/** Feature bits of a network card; those too for which the driver in this repository has no use, and so no name. */
export const allFeatureBits = {
  ...featureBits,
  VIRTIO_NET_F_RSS_CONTEXT: 64,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO: 65,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM: 66,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO: 67,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM: 68,
  VIRTIO_NET_F_OUT_NET_HEADER: 69,
  VIRTIO_NET_F_IPSEC: 70,
} as const;

export type AnyFeature = keyof typeof allFeatureBits;

export function hasBit(set: bigint, name: AnyFeature): boolean {
  return ((set >> BigInt(allFeatureBits[name])) & 1n) === 1n;
}
