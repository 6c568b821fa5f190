import { VIRTIO_NET_F_DEVICE_STATS } from '../features.js';
import type { StatisticsRequest } from '../statistics.js';
import type { Command } from './command.js';

const typesBytes = 8;
/** An element of struct virtio_net_ctrl_queue_stats: the queue, six bytes for later, and the types. */
const requestBytes = 16;
const requestTypes = 8;

/** VIRTIO_NET_CTRL_STATS (virtio 1.4, 5.1.6.5.11). */
export const statisticsCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_STATS_QUERY',
    class: 8,
    command: 0,
    feature: VIRTIO_NET_F_DEVICE_STATS,
    length: 0,
    resultLength: typesBytes,
    run(_data, card, result) {
      new DataView(result.buffer).setBigUint64(0, card.statistics.types, true);
      return true;
    },
  },
  {
    name: 'VIRTIO_NET_CTRL_STATS_GET',
    class: 8,
    command: 1,
    feature: VIRTIO_NET_F_DEVICE_STATS,
    run(data, card) {
      if (data.length === 0 || data.length % requestBytes !== 0) return false;
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      const requests: StatisticsRequest[] = [];
      for (let at = 0; at < data.length; at += requestBytes) {
        requests.push({ queue: view.getUint16(at, true), types: view.getBigUint64(at + requestTypes, true) });
      }
      return card.statistics.replies(requests) ?? false;
    },
  },
];
