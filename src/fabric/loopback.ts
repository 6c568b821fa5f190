import type { Frame } from '../net/link/frame.js';
import { allOffloads } from '../net/link/offloads.js';
import { Sent, type Port } from '../net/link/port.js';
import type { Clock } from '../virtio/clock.js';
import { anyFrameBytes } from './backlog.js';
import type { FabricPortCounters } from './counters.js';
import { Lane, type LaneLimits, type LaneOwner, type Sender } from './lane.js';
import { Lanes } from './lanes.js';

/** Nothing waits here for anybody but its own sender, who has a deadline of his own. */
const standing: Clock = { now: () => 0, after: () => () => undefined };

/** One frame waits at most: that of which the card took some segments and had no buffers for the rest. */
const limits: LaneLimits = { backlogFrames: 1, backlogBytes: anyFrameBytes, deadline: Infinity };

/** A port whose card receives what it sends, lane by lane as the card steers it. */
export class Loopback implements Port, LaneOwner, Sender {
  readonly name: string;
  readonly listening = true;
  readonly offloads = allOffloads;
  peer: Port | undefined;
  onLost: ((frame: Frame) => void) | undefined;
  private readonly all = new Lanes((index) => new Lane(this, index, standing, limits));

  constructor(name = 'loopback') {
    this.name = name;
  }

  get lanes(): number {
    return this.all.count;
  }

  steer(frame: Frame): number {
    this.all.at(frame.lane);
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    const source = this.all.at(lane);
    const sent = this.all.at(this.peer?.steer(frame) ?? lane).offer(frame, this);
    if (sent !== Sent.full) source.countIn(frame);
    return sent;
  }

  flush(): void {
    this.peer?.flush();
  }

  room(): void {
    this.all.room();
    this.flush();
  }

  attach(peer: Port | undefined): void {
    if (peer === this.peer) return;
    if (this.peer) {
      this.peer = undefined;
      this.room();
    }
    this.peer = peer;
  }

  invite(): void {
    this.peer?.room();
  }

  delivered(): void {
    // The card flushes at the end of each burst that it sends.
  }

  waiting(): void {
    // Without a deadline there is nothing to watch.
  }

  /** A plain copy of the counters. */
  counters(): FabricPortCounters {
    return this.all.counters(this.name);
  }
}
