import type { Frame } from '../net/link/frame.js';
import { allOffloads } from '../net/link/offloads.js';
import type { Port, Sent } from '../net/link/port.js';
import type { FabricPortCounters } from './counters.js';
import type { Lane, LaneOwner, Sender } from './lane.js';
import { Lanes } from './lanes.js';
import type { Switch } from './switch.js';

export interface SwitchPortOptions {
  /**
   * Ports of one group pass each other nothing (split horizon): what is behind them is connected already, as where every
   * switch has a link to every other.
   */
  readonly group?: string | undefined;
}

/** A port of a switch. Its lanes are those of the card that is connected to it. */
export class SwitchPort implements Port, LaneOwner, Sender {
  readonly name: string;
  /** The card. */
  peer: Port | undefined;
  onLost: ((frame: Frame) => void) | undefined;
  /** The card took frames since its last flush. */
  dirty = false;
  readonly offloads = allOffloads;

  private readonly group: string | undefined;
  private readonly owner: Switch;
  private readonly all: Lanes;
  private removed = false;

  constructor(owner: Switch, name: string, options: SwitchPortOptions = {}) {
    this.owner = owner;
    this.group = options.group;
    this.name = name;
    this.all = new Lanes((index) => owner.newLane(this, index));
  }

  readonly listening = true;

  get lanes(): number {
    return this.all.count;
  }

  /** The lanes that were used so far. */
  get used(): readonly Lane[] {
    return this.all.used;
  }

  steer(frame: Frame): number {
    this.all.at(frame.lane);
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    return this.owner.relay(frame, this, this.all.at(lane));
  }

  flush(): void {
    this.owner.flush();
  }

  room(): void {
    this.all.room();
    this.owner.flush();
  }

  /**
   * A card that goes takes with it what the switch learnt of it; frames that wait for it are counted as `unconnected`. A
   * card that is connected in another's place parts that one from the port.
   */
  attach(peer: Port | undefined): void {
    if (peer && this.removed) throw new Error(`The port ${this.name} was removed from its switch.`);
    const before = this.peer;
    if (peer === before) return;
    if (before) {
      this.peer = undefined;
      before.attach(undefined);
      this.owner.forget(this);
      this.room();
    }
    this.peer = peer;
  }

  /** For the switch: frames of this port are not for that one. */
  isBeside(other: SwitchPort): boolean {
    return other === this || (this.group !== undefined && other.group === this.group);
  }

  /** For the switch: takes the port out of use for good. */
  remove(): void {
    this.removed = true;
    this.attach(undefined);
  }

  /** A frame for this port's card alone. */
  offer(frame: Frame, from: Sender): Sent {
    return this.laneOf(frame).offer(frame, from);
  }

  /** One of several copies of a frame. */
  offerCopy(frame: Frame): void {
    this.laneOf(frame).offerCopy(frame);
  }

  invite(): void {
    this.peer?.room();
  }

  delivered(): void {
    if (this.dirty) return;
    this.dirty = true;
    this.owner.delivered(this);
  }

  waiting(): void {
    this.owner.watch();
  }

  /** A plain copy of the counters; they can still be read after the port was removed. */
  counters(): FabricPortCounters {
    return this.all.counters(this.name);
  }

  private laneOf(frame: Frame): Lane {
    return this.all.at(this.peer?.steer(frame) ?? 0);
  }
}
