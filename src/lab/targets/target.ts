import type { Machine } from '../../driver/machine.js';

/** A frame at the outer end of a card. */
export interface WireFrame {
  readonly bytes: Uint8Array;
  /** The queue pair that it was sent on, where the wire can tell. */
  readonly pair?: number;
  /** What the card leaves to whoever receives the frame, where the wire can carry that. */
  readonly offload?: Offload;
}

/** The meaning of a packet header, at the outer end. */
export interface Offload {
  /** The checksum from `checksumStart` on is still to be filled in at `checksumStart + checksumOffset`. */
  readonly needsChecksum: boolean;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  /** `gso_type` of the packet header without its ECN bit, and `gso_size`. */
  readonly gsoType: number;
  readonly gsoSize: number;
  readonly ecn: boolean;
  /** The above is that of a packet in a UDP tunnel. */
  readonly tunnel?: {
    /** The version of IP in it. */
    readonly version: 4 | 6;
    /** The checksum of the tunnel's UDP is still to be filled in, too. */
    readonly checksum: boolean;
    readonly outerTransport: number;
    readonly innerNetwork: number;
  };
}

/** The outer end of a card. */
export interface Wire {
  /** Sends frames to the card, in this order. */
  send(...frames: readonly Uint8Array[]): Promise<void>;
  /**
   * Sends frames to the card of which some work is left to the receiver; what the card does not take as it is is finished
   * before, as a network does. Undefined where the wire can only carry bytes.
   */
  sendOffloaded?(...frames: readonly WireFrame[]): Promise<void>;
  /** The frames that came from the card since the last time. */
  take(): Promise<WireFrame[]>;
}

/** A machine with a virtio network card, and the outer end of that card. */
export interface Target {
  readonly machine: Machine;
  readonly wire: Wire;
  /** Takes the card's link down, or up again; undefined where the target has no way to. */
  setLink?(up: boolean): Promise<void>;
  /** Resets the machine: the card is as after power-on. Undefined where the target has no way to. */
  reset?(): Promise<void>;
  /** Has the card ask its driver to announce itself (VIRTIO_NET_S_ANNOUNCE); undefined where the target has no way to. */
  announce?(): Promise<void>;
  close(): Promise<void>;
}

/** The program behind a target ended while it was driven: it broke, or the driver switched it off. */
export class TargetEnded extends Error {
  override readonly name = 'TargetEnded';
}
