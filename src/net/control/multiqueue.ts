import { VIRTIO_NET_F_MQ } from '../features.js';
import type { Command } from './command.js';

/** VIRTIO_NET_CTRL_MQ (virtio 5.1.6.5.6). */
export const multiqueueCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET',
    class: 4,
    command: 0,
    feature: VIRTIO_NET_F_MQ,
    length: 2,
    run: (data, card) => card.setQueuePairs(data[0] | (data[1] << 8)),
  },
];
