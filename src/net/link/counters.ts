import type { Frame } from './frame.js';

/** Why a frame was dropped. A frame that is not delivered is counted under exactly one of these. */
export const dropReasons = {
  /** The card is not connected to anything. */
  unconnected: 'no port is connected',
  /** The card's driver is not ready to receive. */
  notReady: 'the receiving driver is not ready',
  /** The card's link is down. */
  linkDown: 'the link is down',
  /** Shorter than an Ethernet header. */
  runt: 'the frame is shorter than an Ethernet header',
  /** Longer than the MTU that was negotiated. */
  tooLong: 'the frame is longer than the MTU',
  /** Asks for a checksum or segments that its headers don't allow. */
  badOffload: 'the packet header does not fit the packet',
  /** No chain of receive buffers can ever hold it. */
  noBufferFits: 'no receive buffer is large enough',
  /** It asks for a checksum or segmentation that nobody on its way does. */
  offload: 'the receiver can not finish the packet',
  /** A receiver had no room before the deadline. */
  deadline: 'the receiver had no room before the deadline',
  /** A copy to one of several receivers found its backlog full. */
  backlogFull: 'the backlog of the receiver is full',
  /** The queue was reset or its driver went away while the frame waited. */
  reset: 'the device was reset while the frame waited',
  /** What came from outside is not what the port carries: no frame, or one without its tunnel's header. */
  malformed: 'what came from outside is no frame of this kind of port',
  /** A checksum in it does not hold. */
  checksum: 'a checksum in it is wrong',
  /** A fragment that does not fit to the others of its packet, or some of these never came. */
  fragment: 'it is a fragment that fits to no others',
  /** The receiver does not speak its protocol, or not this part of it. */
  protocol: 'the receiver does not speak its protocol',
  /** The receiver knows no way to its address, or nobody uses its port there. */
  unreachable: 'nobody can be reached at its address or port',
  /** A way out of the process has nobody at its other end. */
  disconnected: 'nobody is at the other end',
  /** What came in a tunnel belongs to another of its networks. */
  otherNetwork: 'it is of another network',
  /** The system could not carry it on. */
  network: 'the system could not send or receive it',
  /** Lost on its way, as the conditions of the link ask for. */
  linkLoss: 'the link lost it, as its conditions say',
  /** The receiver or the sender needs a reset after its driver broke a rule. */
  fault: 'the driver broke a rule',
} as const;
export type DropReason = keyof typeof dropReasons;

/** Frames lost, by reason; reasons that never occurred are absent. */
export type Drops = Partial<Record<DropReason, number>>;

/** Why a guest did not get a frame that it does not want. Such frames are not lost: the guest asked to be without them. */
export const filterReasons = {
  unicast: "it is for an address that is not the guest's",
  multicast: 'it is for a group that the guest is not in',
  broadcast: 'the guest wants no broadcasts',
  vlan: 'it is of a VLAN that the guest is not in',
} as const;
export type FilterReason = keyof typeof filterReasons;

/** What passed one lane of a card. Directions are the guest's: it receives rx and transmits tx. */
export interface LaneCounters {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  dropped: Drops;
  /** Frames that the guest does not want, by reason; reasons that never occurred are absent. */
  filtered: Partial<Record<FilterReason, number>>;
}

export function newLaneCounters(): LaneCounters {
  return { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, dropped: {}, filtered: {} };
}

/** Counts a frame as lost. Where it is at hand, the reason is noted on it, for captures. */
export function countDrop(counters: { dropped: Drops }, reason: DropReason, frame?: Frame): void {
  if (frame) frame.lost = reason;
  counters.dropped[reason] = (counters.dropped[reason] ?? 0) + 1;
}

/** What was dropped in all of several places. */
export function allDropped(places: readonly ({ readonly dropped: Drops } | undefined)[]): Drops {
  const sum = (reason: DropReason): number => places.reduce((total, place) => total + (place?.dropped[reason] ?? 0), 0);
  const reasons = (Object.keys(dropReasons) as DropReason[]).filter((reason) => sum(reason) > 0);
  return Object.fromEntries(reasons.map((reason) => [reason, sum(reason)]));
}

/** Counts a frame as one that the guest does not want, and notes that on it. */
export function countFiltered(counters: LaneCounters, reason: FilterReason, frame: Frame): void {
  frame.lost = reason;
  counters.filtered[reason] = (counters.filtered[reason] ?? 0) + 1;
}
