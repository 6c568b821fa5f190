import { VIRTIO_NET_F_CTRL_GUEST_OFFLOADS } from '../features.js';
import type { Command } from './command.js';

const bitsBytes = 8;

/** VIRTIO_NET_CTRL_GUEST_OFFLOADS (virtio 5.1.6.5.8). */
export const guestOffloadsCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET',
    class: 5,
    command: 0,
    feature: VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
    length: bitsBytes,
    run: (data, card) => card.guestOffloads.set(data.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n)),
  },
];
