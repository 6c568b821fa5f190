import { VIRTIO_NET_F_GUEST_ANNOUNCE } from '../features.js';
import type { Command } from './command.js';

/** VIRTIO_NET_CTRL_ANNOUNCE (virtio 5.1.6.5.4). */
export const announceCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_ANNOUNCE_ACK',
    class: 3,
    command: 0,
    feature: VIRTIO_NET_F_GUEST_ANNOUNCE,
    length: 0,
    run: (_data, card) => card.announced(),
  },
];
