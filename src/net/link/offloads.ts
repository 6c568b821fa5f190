import { gsoType, type Frame } from './frame.js';
import { versionOf } from './ipHeader.js';

/** What the owner of a port may be able to receive; a set of them is the sum of its members. */
export const offload = {
  /** A frame whose checksum is still to be filled in (VIRTIO_NET_F_GUEST_CSUM). */
  checksum: 1,
  /** TCP over IPv4 that is still to be cut (VIRTIO_NET_F_GUEST_TSO4). */
  tcp4: 2,
  /** TCP over IPv6 that is still to be cut (VIRTIO_NET_F_GUEST_TSO6). */
  tcp6: 4,
  /** TCP that is still to be cut and carries explicit congestion notification (VIRTIO_NET_F_GUEST_ECN). */
  ecn: 8,
  /** A UDP datagram that is still to be fragmented (VIRTIO_NET_F_GUEST_UFO). */
  udp: 16,
  /** UDP over IPv4 that is still to be cut into datagrams (VIRTIO_NET_F_GUEST_USO4). */
  udpL4v4: 32,
  /** UDP over IPv6 that is still to be cut into datagrams (VIRTIO_NET_F_GUEST_USO6). */
  udpL4v6: 64,
  /** One of these in a UDP tunnel (VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO). */
  tunnel: 128,
  /** A tunnel whose own UDP checksum is still to be filled in (VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM). */
  tunnelChecksum: 256,
} as const;

export const allOffloads = Object.values(offload).reduce((all, one) => all | one, 0);

/** What nobody can receive: a frame that makes no sense. */
const impossible = 1 << 30;

const ofGsoType: Readonly<Record<number, number>> = {
  [gsoType.none]: 0,
  [gsoType.tcp4]: offload.tcp4,
  [gsoType.tcp6]: offload.tcp6,
  [gsoType.udp]: offload.udp,
};

const udpL4OfVersion: Readonly<Record<number, number>> = { 4: offload.udpL4v4, 6: offload.udpL4v6 };

/** The set of what a receiver must be able to receive to take the frame as it is. */
export function neededOffloads(frame: Frame): number {
  const checksum = frame.needsChecksum ? offload.checksum : 0;
  if (frame.gso === gsoType.none) return frame.tunnel === 0 ? checksum : impossible;
  const cut = frame.gso === gsoType.udpL4 ? udpL4OfVersion[frame.tunnel || versionOf(frame)] : ofGsoType[frame.gso];
  const ecn = frame.gsoEcn ? offload.ecn : 0;
  return checksum | (cut ?? impossible) | ecn | tunnelOffloads(frame);
}

function tunnelOffloads(frame: Frame): number {
  if (frame.tunnel === 0) return 0;
  return offload.tunnel | (frame.tunnelChecksum ? offload.tunnelChecksum : 0);
}
