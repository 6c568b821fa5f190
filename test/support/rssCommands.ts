import { microsoftKey } from './naiveHash.js';

const word = (value: number): number[] => [value & 255, (value >>> 8) & 255];
const long = (value: number): number[] => [...word(value), ...word(value >>> 16)];

export interface RssSettings {
  readonly hashTypes?: number;
  readonly unclassified?: number;
  readonly table?: readonly number[];
  /** What `indirection_table_mask` says, where that is not the table's. */
  readonly mask?: number;
  readonly transmitPairs?: number;
  readonly key?: ArrayLike<number>;
  /** What `hash_key_length` says, where that is not the key's. */
  readonly keyLength?: number;
}

/** struct virtio_net_rss_config (virtio 5.1.6.5.7.1). */
export function rssConfig(settings: RssSettings = {}): number[] {
  const { hashTypes = 0x3f, unclassified = 0, table = [0, 1, 2, 3], transmitPairs = 4, key = microsoftKey } = settings;
  const { mask = table.length - 1, keyLength = key.length } = settings;
  const start = [...long(hashTypes), ...word(mask), ...word(unclassified)];
  return [...start, ...table.flatMap(word), ...word(transmitPairs), keyLength, ...Array.from(key)];
}

/** struct virtio_net_hash_config (virtio 5.1.6.5.6.4). */
export function hashConfig(hashTypes: number, key: ArrayLike<number>, reserved = [0, 0, 0, 0]): number[] {
  return [...long(hashTypes), ...reserved.flatMap(word), key.length, ...Array.from(key)];
}

/** struct virtnet_hash_tunnel (virtio 5.1.6.4.4). */
export const hashTunnel = (types: number): number[] => long(types);

/** Class and command of each. */
export const rssCommand = { rss: [4, 1], hash: [4, 2], tunnel: [7, 0] } as const;
