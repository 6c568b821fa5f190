import type { Frame } from '../net/link/frame.js';
import type { Port, Sent } from '../net/link/port.js';
import type { FabricPortCounters } from './counters.js';
import type { Lane, LaneOwner, Sender } from './lane.js';
import type { Switch } from './switch.js';

/** A port of a switch. Its lanes are those of the card that is connected to it. */
export class SwitchPort implements Port, LaneOwner, Sender {
  readonly name: string;
  /** The card. */
  peer: Port | undefined;
  /** The card took frames since its last flush. */
  dirty = false;
  /** The lanes that were used so far. */
  readonly used: Lane[] = [];

  private readonly owner: Switch;
  private removed = false;

  constructor(owner: Switch, name: string) {
    this.owner = owner;
    this.name = name;
  }

  readonly listening = true;
  /** The switch works on any number of lanes: these are as many as it has met. */
  get lanes(): number {
    return Math.max(1, this.used.length);
  }

  steer(frame: Frame): number {
    this.lane(frame.lane);
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    return this.owner.relay(frame, this, this.lane(lane));
  }

  flush(): void {
    this.owner.flush();
  }

  room(): void {
    for (const lane of this.used) lane.room();
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
    return { name: this.name, lanes: this.used.map((lane) => lane.snapshot()) };
  }

  private laneOf(frame: Frame): Lane {
    return this.lane(this.peer?.steer(frame) ?? 0);
  }

  private lane(index: number): Lane {
    while (this.used.length <= index) this.used.push(this.owner.newLane(this, this.used.length));
    return this.used[index];
  }
}
