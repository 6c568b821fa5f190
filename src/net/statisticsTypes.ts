import type { Features } from '../virtio/features.js';
import * as feature from './features.js';
import type { LaneCounters } from './link/counters.js';
import type { ControlStatistics, ReceiveStatistics, TransmitStatistics } from './queueStatistics.js';

/** What is counted of a queue's pair, and of the control queue. */
interface Counts {
  readonly lane: LaneCounters;
  readonly rx: ReceiveStatistics;
  readonly tx: TransmitStatistics;
  readonly control: ControlStatistics;
}

/** A type of statistics that a driver can ask for (virtio 1.4, 5.1.6.5.11). */
export interface StatisticsType {
  /** VIRTIO_NET_STATS_TYPE_REPLY_…; the bit of that number asks for it. */
  readonly type: number;
  /** The queues that have it. */
  readonly kind: 'receive' | 'transmit' | 'control';
  /** One of these features must have been negotiated. */
  readonly features?: Features;
  /** Its counters, in the order of its structure. */
  readonly values: (counts: Counts) => readonly number[];
}

/** The card verifies no checksum, puts no packets together, and cuts none: the network it is connected to does that. */
const never = 0;
/** No packet is lost for its speed: whoever is too fast waits. */
const allowanceExceeded = [never, never];

export const statisticsTypes: readonly StatisticsType[] = [
  {
    // RX_BASIC
    type: 0,
    kind: 'receive',
    values: ({ lane, rx }) => [
      rx.notifications,
      ...[lane.rxFrames, lane.rxBytes],
      rx.interrupts,
      ...[rx.drops, rx.dropOverruns],
    ],
  },
  {
    // RX_CSUM
    type: 1,
    kind: 'receive',
    features: feature.VIRTIO_NET_F_GUEST_CSUM,
    values: ({ rx }) => [never, rx.needsCsum, rx.csumNone, never],
  },
  {
    // RX_GSO
    type: 2,
    kind: 'receive',
    features: feature.VIRTIO_NET_F_GUEST_TSO4 | feature.VIRTIO_NET_F_GUEST_TSO6,
    values: ({ rx }) => [rx.gsoPackets, rx.gsoBytes, never, never],
  },
  {
    // RX_SPEED
    type: 3,
    kind: 'receive',
    values: () => allowanceExceeded,
  },
  {
    // TX_BASIC
    type: 16,
    kind: 'transmit',
    values: ({ lane, tx }) => [
      tx.notifications,
      ...[lane.txFrames, lane.txBytes],
      tx.interrupts,
      ...[tx.drops, tx.dropMalformed],
    ],
  },
  {
    // TX_CSUM
    type: 17,
    kind: 'transmit',
    features: feature.VIRTIO_NET_F_CSUM,
    values: ({ tx }) => [tx.csumNone, tx.needsCsum],
  },
  {
    // TX_GSO
    type: 18,
    kind: 'transmit',
    features: feature.VIRTIO_NET_F_HOST_TSO4 | feature.VIRTIO_NET_F_HOST_TSO6 | feature.VIRTIO_NET_F_HOST_USO,
    values: ({ tx }) => [tx.gsoPackets, tx.gsoBytes, never, never, tx.gsoPackets, tx.gsoBytes],
  },
  {
    // TX_SPEED
    type: 19,
    kind: 'transmit',
    values: () => allowanceExceeded,
  },
  {
    // CVQ. Whoever reads this knows that the command that asked for it was carried out.
    type: 32,
    kind: 'control',
    values: ({ control }) => [control.commands, control.ok + 1],
  },
];

/** struct virtio_net_stats_reply_hdr, and counters of 64 bits. */
const headerBytes = 8;
const counterBytes = 8;

/** Length in bytes of the reply with these counters. */
export function replyBytes(values: readonly number[]): number {
  return headerBytes + counterBytes * values.length;
}

/** Writes a reply at `start`. Answers where the next one begins. */
export function writeReply(
  bytes: Uint8Array,
  start: number,
  type: number,
  queue: number,
  values: readonly number[],
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, replyBytes(values));
  view.setUint8(0, type);
  view.setUint16(2, queue, true);
  view.setUint16(6, replyBytes(values), true);
  values.forEach((value, index) => view.setBigUint64(headerBytes + counterBytes * index, BigInt(value), true));
  return start + replyBytes(values);
}
