import type { Port } from '../net/link/port.js';
import type { Clock } from '../virtio/clock.js';
import { Lane, type LaneLimits, type LaneOwner } from './lane.js';
import { Lanes } from './lanes.js';

/** What a port has that brings frames from outside, in lanes, to whoever is connected to it. */
export abstract class OuterPort implements LaneOwner {
  readonly name: string;
  peer: Port | undefined;
  protected readonly all: Lanes;
  protected readonly clock: Clock;
  private due = false;

  /** @param limits of what waits here: it has no deadline, as whoever is connected sees to its own */
  constructor(name: string, clock: Clock, limits: Omit<LaneLimits, 'deadline'>) {
    this.name = name;
    this.clock = clock;
    this.all = new Lanes((index) => new Lane(this, index, clock, { ...limits, deadline: Infinity }));
  }

  room(): void {
    this.all.room();
    this.flushPeer();
  }

  attach(peer: Port | undefined): void {
    if (peer === this.peer) return;
    this.peer = peer;
    if (!peer) this.all.room();
  }

  delivered(): void {
    this.due = true;
  }

  waiting(): void {
    // Whoever is connected takes a frame, drops it, or calls `room`.
  }

  /** The end of what came in at once. */
  protected flushPeer(): void {
    if (!this.due) return;
    this.due = false;
    this.peer?.flush();
  }
}
