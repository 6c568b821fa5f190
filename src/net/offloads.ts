import { hasFeature, type Features } from '../virtio/features.js';
import { offload } from './link/offloads.js';
import * as feature from './features.js';

/** The offloads that a feature stands for. */
type OffloadFeatures = readonly (readonly [feature: Features, offloads: number])[];

/** What the driver may ask of the card for packets that it sends (virtio 5.1.6.2). */
export const transmitOffloads: OffloadFeatures = [
  [feature.VIRTIO_NET_F_CSUM, offload.checksum],
  // A legacy driver's one bit for all that there was (5.1.3.2).
  [feature.VIRTIO_NET_F_GSO, offload.tcp4 | offload.tcp6 | offload.ecn | offload.udp],
  [feature.VIRTIO_NET_F_HOST_TSO4, offload.tcp4],
  [feature.VIRTIO_NET_F_HOST_TSO6, offload.tcp6],
  [feature.VIRTIO_NET_F_HOST_ECN, offload.ecn],
  [feature.VIRTIO_NET_F_HOST_UFO, offload.udp],
  [feature.VIRTIO_NET_F_HOST_USO, offload.udpL4v4 | offload.udpL4v6],
  [feature.VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, offload.tunnel],
  [feature.VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, offload.tunnelChecksum],
];

/** What the driver takes as it is of packets that it receives (5.1.6.4). */
export const receiveOffloads: OffloadFeatures = [
  [feature.VIRTIO_NET_F_GUEST_CSUM, offload.checksum],
  [feature.VIRTIO_NET_F_GUEST_TSO4, offload.tcp4],
  [feature.VIRTIO_NET_F_GUEST_TSO6, offload.tcp6],
  [feature.VIRTIO_NET_F_GUEST_ECN, offload.ecn],
  [feature.VIRTIO_NET_F_GUEST_UFO, offload.udp],
  [feature.VIRTIO_NET_F_GUEST_USO4, offload.udpL4v4],
  [feature.VIRTIO_NET_F_GUEST_USO6, offload.udpL4v6],
  [feature.VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, offload.tunnel],
  [feature.VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, offload.tunnelChecksum],
];

/** The offloads of those features of a table that are among `features`. */
export function offloadsOf(features: Features, table: OffloadFeatures): number {
  return table.reduce((all, [bit, offloads]) => (hasFeature(features, bit) ? all | offloads : all), 0);
}
