import { view } from '../memory.js';

/** A command of the control queue: `class`, `command` and the data behind them (virtio 5.1.6.5). */
export interface Command {
  readonly kind: number;
  readonly command: number;
  readonly data: Uint8Array;
  /** Bytes of the command-specific result: behind the ack. */
  readonly resultBytes: number;
}

/** VIRTIO_NET_OK and VIRTIO_NET_ERR. */
export const ack = { ok: 0, error: 1 } as const;

export const commandClass = {
  rx: 0,
  mac: 1,
  vlan: 2,
  announce: 3,
  multiqueue: 4,
  guestOffloads: 5,
  coalescing: 6,
  hashTunnel: 7,
  statistics: 8,
} as const;

/** Commands of class rx, by mode (5.1.6.5.1). */
export const rxMode = { promiscuous: 0, allMulticast: 1, allUnicast: 2, noMulticast: 3, noUnicast: 4, noBroadcast: 5 };

const none = new Uint8Array(0);

function command(kind: number, code: number, data: Uint8Array = none): Command {
  return { kind, command: code, data, resultBytes: 0 };
}

/** 5.1.6.5.1 */
export const setRxMode = (mode: keyof typeof rxMode, on: boolean): Command =>
  command(commandClass.rx, rxMode[mode], Uint8Array.of(on ? 1 : 0));

/** VIRTIO_NET_CTRL_MAC_TABLE_SET: the addresses that pass the filter (5.1.6.5.2). */
export const setMacTable = (unicast: readonly Uint8Array[], multicast: readonly Uint8Array[]): Command =>
  command(commandClass.mac, 0, joined(macList(unicast), macList(multicast)));

/** VIRTIO_NET_CTRL_MAC_ADDR_SET. */
export const setMacAddress = (mac: Uint8Array): Command => command(commandClass.mac, 1, mac);

/** 5.1.6.5.3 */
export const addVlan = (id: number): Command => command(commandClass.vlan, 0, u16(id));
export const deleteVlan = (id: number): Command => command(commandClass.vlan, 1, u16(id));

/** 5.1.6.5.4 */
export const acknowledgeAnnounce = (): Command => command(commandClass.announce, 0);

/** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET (5.1.6.5.5). */
export const setQueuePairs = (pairs: number): Command => command(commandClass.multiqueue, 0, u16(pairs));

/** struct virtio_net_rss_config (5.1.6.5.7); queues are receive queue numbers: 0 is that of the first pair. */
export interface RssConfig {
  readonly hashTypes: number;
  /** As many as a power of two. */
  readonly indirectionTable: readonly number[];
  readonly unclassifiedQueue: number;
  readonly maxTransmitQueues: number;
  readonly key: Uint8Array;
}

export const setRss = (config: RssConfig): Command =>
  command(
    commandClass.multiqueue,
    1,
    joined(
      u32(config.hashTypes),
      u16(config.indirectionTable.length - 1),
      u16(config.unclassifiedQueue),
      ...config.indirectionTable.map(u16),
      u16(config.maxTransmitQueues),
      Uint8Array.of(config.key.length),
      config.key,
    ),
  );

/** struct virtio_net_hash_config (5.1.6.5.6.4). */
export const setHash = (hashTypes: number, key: Uint8Array): Command =>
  command(commandClass.multiqueue, 2, joined(u32(hashTypes), new Uint8Array(8), Uint8Array.of(key.length), key));

/** VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET: feature bits of the offloads that are to be on (5.1.6.5.8). */
export const setGuestOffloads = (offloads: bigint): Command => command(commandClass.guestOffloads, 0, u64(offloads));

/** VIRTIO_NET_CTRL_HASH_TUNNEL_SET: types of tunnels whose inner header is hashed (5.1.6.4.4). */
export const setHashTunnel = (tunnelTypes: number): Command => command(commandClass.hashTunnel, 0, u32(tunnelTypes));

/** struct virtio_net_ctrl_coal (5.1.6.5.9). */
export interface Coalescing {
  readonly maxPackets: number;
  readonly maxMicroseconds: number;
}

const coalescing = ({ maxPackets, maxMicroseconds }: Coalescing): Uint8Array =>
  joined(u32(maxPackets), u32(maxMicroseconds));

export const setTransmitCoalescing = (to: Coalescing): Command => command(commandClass.coalescing, 0, coalescing(to));
export const setReceiveCoalescing = (to: Coalescing): Command => command(commandClass.coalescing, 1, coalescing(to));
export const setQueueCoalescing = (queue: number, to: Coalescing): Command =>
  command(commandClass.coalescing, 2, joined(u16(queue), u16(0), coalescing(to)));
/**
 * VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET; its result is a struct virtio_net_ctrl_coal. The specification does not say whether
 * that is a part of the command-specific data, before the ack, or a result, behind it; Linux takes it as a result.
 */
export const getQueueCoalescing = (queue: number): Command => ({
  ...command(commandClass.coalescing, 3, joined(u16(queue), u16(0))),
  resultBytes: 8,
});

export function decodeCoalescing(result: Uint8Array): Coalescing {
  const fields = view(result);
  return { maxPackets: fields.getUint32(0, true), maxMicroseconds: fields.getUint32(4, true) };
}

/** VIRTIO_NET_CTRL_STATS_QUERY; its result is `supported_stats_types`, 64 bits (5.1.6.5.10). */
export const queryStatistics = (): Command => ({ ...command(commandClass.statistics, 0), resultBytes: 8 });

/** Bits of a statistics types bitmap; a reply's `type` is the number of its bit. */
export const statisticsType = {
  rxBasic: 0,
  rxChecksum: 1,
  rxGso: 2,
  rxSpeed: 3,
  txBasic: 16,
  txChecksum: 17,
  txGso: 18,
  txSpeed: 19,
  controlQueue: 32,
} as const;

/** Names of the 64-bit counters of a reply, in their order, by its type. */
export const statisticsCounters: Readonly<Record<number, readonly string[]>> = {
  [statisticsType.rxBasic]: [
    'rx_notifications',
    'rx_packets',
    'rx_bytes',
    'rx_interrupts',
    'rx_drops',
    'rx_drop_overruns',
  ],
  [statisticsType.rxChecksum]: ['rx_csum_valid', 'rx_needs_csum', 'rx_csum_none', 'rx_csum_bad'],
  [statisticsType.rxGso]: ['rx_gso_packets', 'rx_gso_bytes', 'rx_gso_packets_coalesced', 'rx_gso_bytes_coalesced'],
  [statisticsType.rxSpeed]: ['rx_packets_allowance_exceeded', 'rx_bytes_allowance_exceeded'],
  [statisticsType.txBasic]: [
    'tx_notifications',
    'tx_packets',
    'tx_bytes',
    'tx_interrupts',
    'tx_drops',
    'tx_drop_malformed',
  ],
  [statisticsType.txChecksum]: ['tx_csum_none', 'tx_needs_csum'],
  [statisticsType.txGso]: [
    'tx_gso_packets',
    'tx_gso_bytes',
    'tx_gso_segments',
    'tx_gso_segments_bytes',
    'tx_gso_packets_noseg',
    'tx_gso_bytes_noseg',
  ],
  [statisticsType.txSpeed]: ['tx_packets_allowance_exceeded', 'tx_bytes_allowance_exceeded'],
  [statisticsType.controlQueue]: ['command_num', 'ok_num'],
};

const replyHeaderBytes = 8;

/** VIRTIO_NET_CTRL_STATS_GET: of each queue the statistics of these types. */
export const getStatistics = (asked: readonly { queue: number; types: readonly number[] }[]): Command => {
  const data = asked.map(({ queue, types }) =>
    joined(u16(queue), new Uint8Array(6), u64(types.reduce((bits, type) => bits | (1n << BigInt(type)), 0n))),
  );
  const replies = asked.flatMap(({ types }) => types);
  const bytes = replies.reduce((sum, type) => sum + replyHeaderBytes + 8 * (statisticsCounters[type]?.length ?? 0), 0);
  return { ...command(commandClass.statistics, 1, joined(...data)), resultBytes: bytes };
};

/** A reply to VIRTIO_NET_CTRL_STATS_GET. */
export interface Statistics {
  readonly type: number;
  readonly queue: number;
  readonly counters: Readonly<Record<string, bigint>>;
}

/** The replies in the result of `getStatistics`. Each tells its own size. */
export function decodeStatistics(result: Uint8Array): Statistics[] {
  const fields = view(result);
  const replies: Statistics[] = [];
  for (let at = 0; at + replyHeaderBytes <= result.length;) {
    const type = fields.getUint8(at);
    const size = fields.getUint16(at + 6, true);
    if (size < replyHeaderBytes || at + size > result.length) break;
    const names = statisticsCounters[type] ?? [];
    const counters = names.map((name, i) => [name, fields.getBigUint64(at + replyHeaderBytes + 8 * i, true)] as const);
    replies.push({ type, queue: fields.getUint16(at + 2, true), counters: Object.fromEntries(counters) });
    at += size;
  }
  return replies;
}

function macList(macs: readonly Uint8Array[]): Uint8Array {
  return joined(u32(macs.length), ...macs);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  view(bytes).setUint16(0, value, true);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value, true);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  view(bytes).setBigUint64(0, value, true);
  return bytes;
}
