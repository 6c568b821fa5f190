import type { Frame } from '../net/link/frame.js';
import { connect, disconnect, Sent, type Port } from '../net/link/port.js';

/**
 * One of the two ends of what stands in the middle of a link. Whoever is connected to it sees the port that is connected
 * to the other end: its lanes, its offloads, its answers. What stands there changes what its ends do with frames.
 *
 * The far end is connected to its port for as long as somebody is connected to the near one, so that either side learns
 * when the other is gone.
 */
export class End implements Port {
  readonly name: string;
  peer: Port | undefined;
  other!: End;
  onLost: ((frame: Frame) => void) | undefined;
  /** The port that this end is for, where it is the far one. */
  home: Port | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get lanes(): number {
    return this.other.peer?.lanes ?? 1;
  }

  get listening(): boolean {
    return this.other.peer?.listening ?? false;
  }

  get offloads(): number {
    return this.other.peer?.offloads ?? 0;
  }

  steer(frame: Frame): number {
    return this.other.peer?.steer(frame) ?? 0;
  }

  send(frame: Frame, lane: number): Sent {
    return this.other.peer?.send(frame, lane) ?? Sent.dropped;
  }

  flush(): void {
    this.other.peer?.flush();
  }

  room(): void {
    this.other.peer?.room();
  }

  /** A frame that was to leave by this end was lost before it came here. */
  noteLoss(frame: Frame): void {
    this.onLost?.(frame);
  }

  attach(peer: Port | undefined): void {
    if (peer === this.peer) return;
    const { other } = this;
    const before = this.peer;
    this.peer = undefined;
    if (before) {
      before.attach(undefined);
      const across = other.peer;
      if (across) disconnect(other, across);
    }
    this.peer = peer;
    if (peer && other.home) connect(other, other.home);
  }
}

/** Makes two ends the ends of one thing in the middle, in front of a port: the near one is to be connected with instead. */
export function putBefore(port: Port, near: End, far: End): void {
  near.other = far;
  far.other = near;
  far.home = port;
  port.onLost = (frame) => near.noteLoss(frame);
}
