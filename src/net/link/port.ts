import type { Frame } from './frame.js';

/** What became of a frame that was sent. */
export const Sent = {
  /** It is the receiver's now. */
  taken: 0,
  /** It is gone; the receiver has counted it with a reason. */
  dropped: 1,
  /** There is no room: it is still the sender's, who will be told by `room` when to send it again. */
  full: 2,
} as const;
export type Sent = (typeof Sent)[keyof typeof Sent];

/**
 * One end of a link, and the one thing that a device and the fabric share. Two ports are joined with `connect`; each then
 * calls the other's methods. A port has as many lanes as its owner works in parallel; lanes never wait on each other.
 *
 * A lane that answered `full` answers `full` until its owner calls the other end's `room`, which it does when there is
 * room, and also when waiting is of no use any more: after a reset, with the link down, with fewer lanes. It does not do
 * so inside the very call that it answers with `full`.
 */
export interface Port {
  /** For people: in counters, events and captures. */
  readonly name: string;
  /** Lanes in use now, at least one. */
  readonly lanes: number;
  /**
   * Whether somebody can receive now: the link is up and the receiver ready. What is for all goes only to such ports;
   * what is for this one alone is sent all the same, for its owner to drop and count.
   */
  readonly listening: boolean;
  /** Bits of `offload`: what the owner takes as it is; a frame that needs another is finished by its sender first. */
  readonly offloads: number;
  /** The lane of this port that the frame belongs to, from 0 to lanes - 1. */
  steer(frame: Frame): number;
  /** Hands a frame to the owner of this port, who copies what it needs of it during the call. */
  send(frame: Frame, lane: number): Sent;
  /** No more frames of this burst: now is the time for the one interrupt or wake-up. */
  flush(): void;
  /**
   * The other end, which answered `full`, has room again. What was kept is sent again, oldest first and before anything
   * newer. The call may come while a frame is being sent.
   */
  room(): void;
  /** Where somebody set it: told of each frame that was to leave by this port and is lost; `frame.lost` says why. */
  onLost?: ((frame: Frame) => void) | undefined;
  /** Called by `connect` and `disconnect`. */
  attach(peer: Port | undefined): void;
}

/** Joins two ports. */
export function connect(a: Port, b: Port): void {
  a.attach(b);
  b.attach(a);
}

/** Parts two ports that were joined. */
export function disconnect(a: Port, b: Port): void {
  a.attach(undefined);
  b.attach(undefined);
}
