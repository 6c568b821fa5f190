import { legacyFeature, ringFeatures, type Feature, type Features } from '../virtio/features.js';

const controlQueue = [['VIRTIO_NET_F_CTRL_VQ']] as const;
const checksum = [['VIRTIO_NET_F_CSUM']] as const;
const guestChecksum = [['VIRTIO_NET_F_GUEST_CSUM']] as const;
const hostTso = [['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6']] as const;
const hostSegmentation = [['VIRTIO_NET_F_HOST_TSO4'], ['VIRTIO_NET_F_HOST_TSO6'], ['VIRTIO_NET_F_HOST_USO']] as const;
const guestSegmentation = [
  ['VIRTIO_NET_F_GUEST_TSO4'],
  ['VIRTIO_NET_F_GUEST_TSO6'],
  ['VIRTIO_NET_F_GUEST_USO4'],
  ['VIRTIO_NET_F_GUEST_USO6'],
] as const;
const guestTso = [['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6']] as const;
/** Something that takes a hash. */
const hash = ['VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT'] as const;

/** What this network card knows, by bit (virtio 5.1.3), with what each feature requires (5.1.3.1). */
export const netFeatures = [
  { name: 'VIRTIO_NET_F_CSUM', bit: 0, dependsOn: [], spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_GUEST_CSUM', bit: 1, dependsOn: [], spec: '5.1.6.4' },
  {
    name: 'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS',
    bit: 2,
    dependsOn: controlQueue,
    spec: '5.1.6.5.8',
  },
  { name: 'VIRTIO_NET_F_MTU', bit: 3, dependsOn: [], spec: '5.1.3, 5.1.4' },
  { name: 'VIRTIO_NET_F_MAC', bit: 5, dependsOn: [], spec: '5.1.3, 5.1.5' },
  { name: 'VIRTIO_NET_F_GSO', bit: 6, dependsOn: checksum, spec: '5.1.3.2', ...legacyFeature },
  { name: 'VIRTIO_NET_F_GUEST_TSO4', bit: 7, dependsOn: guestChecksum, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_GUEST_TSO6', bit: 8, dependsOn: guestChecksum, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_GUEST_ECN', bit: 9, dependsOn: guestTso, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_GUEST_UFO', bit: 10, dependsOn: guestChecksum, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_HOST_TSO4', bit: 11, dependsOn: checksum, spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_HOST_TSO6', bit: 12, dependsOn: checksum, spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_HOST_ECN', bit: 13, dependsOn: hostTso, spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_HOST_UFO', bit: 14, dependsOn: checksum, spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_MRG_RXBUF', bit: 15, dependsOn: [], spec: '5.1.6.3, 5.1.6.4' },
  { name: 'VIRTIO_NET_F_STATUS', bit: 16, dependsOn: [], spec: '5.1.4, 5.1.5' },
  { name: 'VIRTIO_NET_F_CTRL_VQ', bit: 17, dependsOn: [], spec: '5.1.6.5' },
  { name: 'VIRTIO_NET_F_CTRL_RX', bit: 18, dependsOn: controlQueue, spec: '5.1.6.5.1, 5.1.6.5.2' },
  { name: 'VIRTIO_NET_F_CTRL_VLAN', bit: 19, dependsOn: controlQueue, spec: '5.1.6.5.3' },
  { name: 'VIRTIO_NET_F_CTRL_RX_EXTRA', bit: 20, dependsOn: controlQueue, spec: '5.1.4, 5.1.6.5.1' },
  { name: 'VIRTIO_NET_F_GUEST_ANNOUNCE', bit: 21, dependsOn: controlQueue, spec: '5.1.6.5.4' },
  { name: 'VIRTIO_NET_F_MQ', bit: 22, dependsOn: controlQueue, spec: '5.1.6.5.6' },
  { name: 'VIRTIO_NET_F_CTRL_MAC_ADDR', bit: 23, dependsOn: controlQueue, spec: '5.1.6.5.2' },
  { name: 'VIRTIO_NET_F_DEVICE_STATS', bit: 50, dependsOn: controlQueue, spec: '1.4: 5.1.6.5.11' },
  { name: 'VIRTIO_NET_F_HASH_TUNNEL', bit: 51, dependsOn: [...controlQueue, hash], spec: '5.1.6.4.4' },
  { name: 'VIRTIO_NET_F_VQ_NOTF_COAL', bit: 52, dependsOn: controlQueue, spec: '5.1.6.5.9' },
  { name: 'VIRTIO_NET_F_NOTF_COAL', bit: 53, dependsOn: controlQueue, spec: '5.1.6.5.9' },
  { name: 'VIRTIO_NET_F_GUEST_USO4', bit: 54, dependsOn: guestChecksum, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_GUEST_USO6', bit: 55, dependsOn: guestChecksum, spec: '5.1.6.4' },
  { name: 'VIRTIO_NET_F_HOST_USO', bit: 56, dependsOn: checksum, spec: '5.1.6.2' },
  // Without a control queue the driver should not accept it (5.1.4.2), and could not say what to report.
  { name: 'VIRTIO_NET_F_HASH_REPORT', bit: 57, dependsOn: controlQueue, spec: '5.1.6.4.3, 5.1.6.4.5' },
  { name: 'VIRTIO_NET_F_GUEST_HDRLEN', bit: 59, dependsOn: [], spec: '5.1.6.2' },
  { name: 'VIRTIO_NET_F_RSS', bit: 60, dependsOn: controlQueue, spec: '5.1.6.5.7' },
  {
    name: 'VIRTIO_NET_F_RSC_EXT',
    bit: 61,
    dependsOn: hostTso,
    spec: '5.1.6.4',
    offeredByDefault: false,
  },
  // The card itself does nothing else; it is the driver that joins it with a primary card of the same address.
  { name: 'VIRTIO_NET_F_STANDBY', bit: 62, dependsOn: [], spec: '5.1.3, 5.1.4', offeredByDefault: false },
  { name: 'VIRTIO_NET_F_SPEED_DUPLEX', bit: 63, dependsOn: [], spec: '5.1.4' },
  { name: 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO', bit: 65, dependsOn: guestSegmentation, spec: '5.1.6.4' },
  {
    name: 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM',
    bit: 66,
    dependsOn: [['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO']],
    spec: '5.1.6.4',
  },
  { name: 'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO', bit: 67, dependsOn: hostSegmentation, spec: '5.1.6.2' },
  {
    name: 'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM',
    bit: 68,
    dependsOn: [['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO']],
    spec: '5.1.6.2',
  },
  ...ringFeatures,
] as const satisfies readonly Feature[];

export type NetFeatureName = (typeof netFeatures)[number]['name'];

export const VIRTIO_NET_F_CSUM: Features = 1n << 0n;
export const VIRTIO_NET_F_GUEST_CSUM: Features = 1n << 1n;
export const VIRTIO_NET_F_CTRL_GUEST_OFFLOADS: Features = 1n << 2n;
export const VIRTIO_NET_F_MTU: Features = 1n << 3n;
export const VIRTIO_NET_F_MAC: Features = 1n << 5n;
export const VIRTIO_NET_F_GSO: Features = 1n << 6n;
export const VIRTIO_NET_F_GUEST_TSO4: Features = 1n << 7n;
export const VIRTIO_NET_F_GUEST_TSO6: Features = 1n << 8n;
export const VIRTIO_NET_F_GUEST_ECN: Features = 1n << 9n;
export const VIRTIO_NET_F_GUEST_UFO: Features = 1n << 10n;
export const VIRTIO_NET_F_HOST_TSO4: Features = 1n << 11n;
export const VIRTIO_NET_F_HOST_TSO6: Features = 1n << 12n;
export const VIRTIO_NET_F_HOST_ECN: Features = 1n << 13n;
export const VIRTIO_NET_F_HOST_UFO: Features = 1n << 14n;
export const VIRTIO_NET_F_MRG_RXBUF: Features = 1n << 15n;
export const VIRTIO_NET_F_STATUS: Features = 1n << 16n;
export const VIRTIO_NET_F_CTRL_VQ: Features = 1n << 17n;
export const VIRTIO_NET_F_CTRL_RX: Features = 1n << 18n;
export const VIRTIO_NET_F_CTRL_VLAN: Features = 1n << 19n;
export const VIRTIO_NET_F_CTRL_RX_EXTRA: Features = 1n << 20n;
export const VIRTIO_NET_F_GUEST_ANNOUNCE: Features = 1n << 21n;
/** What a driver needs that is asked to announce its guest: the command, and the field with the bit. */
export const announceFeatures: Features = VIRTIO_NET_F_STATUS | VIRTIO_NET_F_GUEST_ANNOUNCE;
export const VIRTIO_NET_F_MQ: Features = 1n << 22n;
export const VIRTIO_NET_F_CTRL_MAC_ADDR: Features = 1n << 23n;
export const VIRTIO_NET_F_DEVICE_STATS: Features = 1n << 50n;
export const VIRTIO_NET_F_HASH_TUNNEL: Features = 1n << 51n;
export const VIRTIO_NET_F_VQ_NOTF_COAL: Features = 1n << 52n;
export const VIRTIO_NET_F_NOTF_COAL: Features = 1n << 53n;
export const VIRTIO_NET_F_GUEST_USO4: Features = 1n << 54n;
export const VIRTIO_NET_F_GUEST_USO6: Features = 1n << 55n;
export const VIRTIO_NET_F_HOST_USO: Features = 1n << 56n;
export const VIRTIO_NET_F_HASH_REPORT: Features = 1n << 57n;
export const VIRTIO_NET_F_RSS: Features = 1n << 60n;
/** Either lets the driver use more pairs than the first. */
export const anyMultiqueue: Features = VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS;
export const VIRTIO_NET_F_RSC_EXT: Features = 1n << 61n;
export const VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO: Features = 1n << 65n;
export const VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM: Features = 1n << 66n;
export const VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO: Features = 1n << 67n;
export const VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM: Features = 1n << 68n;
