import { VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_MQ, VIRTIO_NET_F_RSS } from '../features.js';
import type { RssConfig } from '../multiqueue.js';
import { longestTable } from '../rss.js';
import type { Command } from './command.js';

/** struct virtio_net_rss_config, up to the indirection table; struct virtio_net_hash_config, up to the key's length. */
const tableOffset = 8;
const hashConfigBytes = 12;
/** `max_tx_vq` and the key's length, which follow the table. */
const behindTable = 3;

const view = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);

/** The key whose length stands at `offset` and which ends the command; undefined when it does not. */
function keyAt(data: Uint8Array, offset: number): Uint8Array | undefined {
  const start = offset + 1;
  return data.length >= start && data.length === start + data[offset] ? data.subarray(start) : undefined;
}

/** Reads struct virtio_net_rss_config; undefined when it contradicts itself or has a table that is not taken. */
function readRssConfig(data: Uint8Array): RssConfig | undefined {
  if (data.length < tableOffset) return undefined;
  const words = view(data);
  const entries = words.getUint16(4, true) + 1;
  const tableEnd = tableOffset + 2 * entries;
  const key = keyAt(data, tableEnd + behindTable - 1);
  if (entries > longestTable || (entries & (entries - 1)) !== 0 || !key) return undefined;
  return {
    hashTypes: words.getUint32(0, true),
    // The upper bit of an id is reserved and zero: with it there is no such pair.
    unclassified: words.getUint16(6, true),
    indirection: Array.from({ length: entries }, (_, index) => words.getUint16(tableOffset + 2 * index, true)),
    transmitPairs: words.getUint16(tableEnd, true),
    key,
  };
}

/** VIRTIO_NET_CTRL_MQ (virtio 5.1.6.5.6, 5.1.6.5.7). */
export const multiqueueCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET',
    class: 4,
    command: 0,
    feature: VIRTIO_NET_F_MQ,
    length: 2,
    run: (data, card) => card.multiqueue.setPairs(view(data).getUint16(0, true)),
  },
  {
    name: 'VIRTIO_NET_CTRL_MQ_RSS_CONFIG',
    class: 4,
    command: 1,
    feature: VIRTIO_NET_F_RSS,
    run(data, card) {
      const config = readRssConfig(data);
      return config !== undefined && card.multiqueue.setRss(config);
    },
  },
  {
    name: 'VIRTIO_NET_CTRL_MQ_HASH_CONFIG',
    class: 4,
    command: 2,
    feature: VIRTIO_NET_F_HASH_REPORT,
    run(data, card) {
      // Linux fills the reserved words with what they are in struct virtio_net_rss_config, so nobody looks at them.
      const key = keyAt(data, hashConfigBytes);
      return key !== undefined && card.multiqueue.setHash(view(data).getUint32(0, true), key);
    },
  },
];
