import { VIRTIO_NET_F_HASH_TUNNEL } from '../features.js';
import type { Command } from './command.js';

/** VIRTIO_NET_CTRL_HASH_TUNNEL (virtio 5.1.6.4.4). */
export const hashTunnelCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_HASH_TUNNEL_SET',
    class: 7,
    command: 0,
    feature: VIRTIO_NET_F_HASH_TUNNEL,
    length: 4,
    run: (data, card) =>
      card.multiqueue.hash.setTunnelTypes(new DataView(data.buffer, data.byteOffset).getUint32(0, true)),
  },
];
