import { VIRTIO_NET_F_CTRL_MAC_ADDR } from '../features.js';
import { macBytes } from '../mac.js';
import type { Command } from './command.js';

/** VIRTIO_NET_CTRL_MAC (virtio 5.1.6.5.2). */
export const macAddressCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_MAC_ADDR_SET',
    class: 1,
    command: 1,
    feature: VIRTIO_NET_F_CTRL_MAC_ADDR,
    length: macBytes,
    run: (data, card) => card.setMac(data),
  },
];
