import { ringFeatures, type Feature, type Features } from '../virtio/features.js';

const controlQueue = [['VIRTIO_NET_F_CTRL_VQ']] as const;

/** What this network card knows, by bit (virtio 5.1.3), with what each feature requires (5.1.3.1). */
export const netFeatures = [
  { name: 'VIRTIO_NET_F_MTU', bit: 3, dependsOn: [], spec: '5.1.3, 5.1.4' },
  { name: 'VIRTIO_NET_F_MAC', bit: 5, dependsOn: [], spec: '5.1.3, 5.1.5' },
  { name: 'VIRTIO_NET_F_MRG_RXBUF', bit: 15, dependsOn: [], spec: '5.1.6.3, 5.1.6.4' },
  { name: 'VIRTIO_NET_F_STATUS', bit: 16, dependsOn: [], spec: '5.1.4, 5.1.5' },
  { name: 'VIRTIO_NET_F_CTRL_VQ', bit: 17, dependsOn: [], spec: '5.1.6.5' },
  { name: 'VIRTIO_NET_F_MQ', bit: 22, dependsOn: controlQueue, spec: '5.1.6.5.6' },
  { name: 'VIRTIO_NET_F_CTRL_MAC_ADDR', bit: 23, dependsOn: controlQueue, spec: '5.1.6.5.2' },
  { name: 'VIRTIO_NET_F_VQ_NOTF_COAL', bit: 52, dependsOn: controlQueue, spec: '5.1.6.5.9' },
  { name: 'VIRTIO_NET_F_NOTF_COAL', bit: 53, dependsOn: controlQueue, spec: '5.1.6.5.9' },
  ...ringFeatures,
] as const satisfies readonly Feature[];

export type NetFeatureName = (typeof netFeatures)[number]['name'];

export const VIRTIO_NET_F_MTU: Features = 1n << 3n;
export const VIRTIO_NET_F_MRG_RXBUF: Features = 1n << 15n;
export const VIRTIO_NET_F_CTRL_VQ: Features = 1n << 17n;
export const VIRTIO_NET_F_MQ: Features = 1n << 22n;
export const VIRTIO_NET_F_CTRL_MAC_ADDR: Features = 1n << 23n;
export const VIRTIO_NET_F_VQ_NOTF_COAL: Features = 1n << 52n;
export const VIRTIO_NET_F_NOTF_COAL: Features = 1n << 53n;
