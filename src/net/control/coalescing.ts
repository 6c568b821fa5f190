import type { Coalescing } from '../coalescing.js';
import { VIRTIO_NET_F_NOTF_COAL, VIRTIO_NET_F_VQ_NOTF_COAL } from '../features.js';
import type { Command } from './command.js';

const view = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);

/** struct virtio_net_ctrl_coal, from `offset` on. */
function coalescing(data: Uint8Array, offset: number): Coalescing {
  const words = view(data);
  return { maxPackets: words.getUint32(offset, true), maxUsecs: words.getUint32(offset + 4, true) };
}

/** struct virtio_net_ctrl_coal_vq starts with the queue's index, and two bytes to be ignored. */
const queueIndex = (data: Uint8Array): number => view(data).getUint16(0, true);
const queueBytes = 4;

const coalescingBytes = 8;

/** VIRTIO_NET_CTRL_NOTF_COAL (virtio 5.1.6.5.9). */
export const coalescingCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_NOTF_COAL_TX_SET',
    class: 6,
    command: 0,
    feature: VIRTIO_NET_F_NOTF_COAL,
    length: coalescingBytes,
    run(data, card) {
      card.coalescing.setDirection(1, coalescing(data, 0));
      return true;
    },
  },
  {
    name: 'VIRTIO_NET_CTRL_NOTF_COAL_RX_SET',
    class: 6,
    command: 1,
    feature: VIRTIO_NET_F_NOTF_COAL,
    length: coalescingBytes,
    run(data, card) {
      card.coalescing.setDirection(0, coalescing(data, 0));
      return true;
    },
  },
  {
    name: 'VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET',
    class: 6,
    command: 2,
    feature: VIRTIO_NET_F_VQ_NOTF_COAL,
    length: queueBytes + coalescingBytes,
    run: (data, card) => card.coalescing.setQueue(queueIndex(data), coalescing(data, queueBytes)),
  },
  {
    name: 'VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET',
    class: 6,
    command: 3,
    feature: VIRTIO_NET_F_VQ_NOTF_COAL,
    length: queueBytes,
    resultLength: coalescingBytes,
    run(data, card, result) {
      const found = card.coalescing.getQueue(queueIndex(data));
      if (!found) return false;
      const words = view(result);
      words.setUint32(0, found.maxPackets, true);
      words.setUint32(4, found.maxUsecs, true);
      return true;
    },
  },
];
