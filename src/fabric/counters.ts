import type { Drops } from '../net/link/counters.js';

/**
 * What passed one lane of a port of the fabric. Directions are the fabric's: `in` comes from the card, `out` goes to it.
 * Over all ports of a fabric, inFrames + floodCopies = outFrames + refused + filtered + waitingFrames + what was dropped.
 */
export interface FabricLaneCounters {
  /** Frames that the card handed over on this lane; one that was answered full counts when it is sent again. */
  inFrames: number;
  inBytes: number;
  /** Frames that the card took on this lane. */
  outFrames: number;
  outBytes: number;
  /** Copies of frames that came in on this lane and were flooded, beyond the first copy of each. */
  floodCopies: number;
  /** Frames that came in on this lane and are for nobody else: for a station on the same port, or nobody listens. */
  filtered: number;
  /** Frames for this lane that the card itself dropped or did not want; it has counted the reason. */
  refused: number;
  /** Frames that the receiver could not take as they were, and got as so many segments or with a checksum filled in. */
  segments: number;
  /** Times a sender was told `full` on account of this lane. */
  toldFull: number;
  /** What waits in the backlog of this lane now, and the most that ever did. */
  waitingFrames: number;
  waitingBytes: number;
  peakFrames: number;
  peakBytes: number;
  /** Frames lost by the fabric. */
  dropped: Drops;
}

/** The counters of a port and of each of its lanes that was used, as plain data. */
export interface FabricPortCounters {
  name: string;
  lanes: FabricLaneCounters[];
}

/** What a port lost, by lane. */
export interface PortLosses {
  name: string;
  lanes: readonly { readonly dropped: Drops }[];
}

export function newFabricLaneCounters(): FabricLaneCounters {
  return {
    inFrames: 0,
    inBytes: 0,
    outFrames: 0,
    outBytes: 0,
    floodCopies: 0,
    filtered: 0,
    refused: 0,
    segments: 0,
    toldFull: 0,
    waitingFrames: 0,
    waitingBytes: 0,
    peakFrames: 0,
    peakBytes: 0,
    dropped: {},
  };
}

/** A copy that stays as it is while the lane goes on counting. */
export function snapshot(counters: FabricLaneCounters): FabricLaneCounters {
  return { ...counters, dropped: { ...counters.dropped } };
}
