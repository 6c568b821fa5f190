import type { NetFeatureName } from '../net/index.js';

/** What each feature is for, in a few words. */
export const featureMeanings: Readonly<Record<NetFeatureName, string>> = {
  VIRTIO_NET_F_MTU: 'the card says how large packets may be',
  VIRTIO_NET_F_MAC: 'the card has a MAC address of its own',
  VIRTIO_NET_F_MRG_RXBUF: 'a packet may span several receive buffers',
  VIRTIO_NET_F_STATUS: 'the card says whether its link is up',
  VIRTIO_NET_F_CTRL_VQ: 'a queue for commands to the card',
  VIRTIO_NET_F_MQ: 'more than one queue pair',
  VIRTIO_NET_F_CTRL_MAC_ADDR: 'a command that sets the MAC address',
  VIRTIO_NET_F_VQ_NOTF_COAL: 'a command that says how long interrupts of one queue may wait',
  VIRTIO_NET_F_NOTF_COAL: 'commands that say how long interrupts may wait for more packets',
  VIRTIO_F_INDIRECT_DESC: 'a packet takes one ring entry, however many pieces it has',
  VIRTIO_F_EVENT_IDX: 'each side says from when on it wants to be told of more',
  VIRTIO_F_VERSION_1: 'the modern interface, virtio 1.0 and later',
  VIRTIO_F_ACCESS_PLATFORM: "memory is reached by the platform's rules, as through an IOMMU",
  VIRTIO_F_ORDER_PLATFORM: "memory accesses are ordered by the platform's rules",
};
