import { countDrop } from '../net/link/counters.js';
import type { Frame } from '../net/link/frame.js';
import { Sent, type Port } from '../net/link/port.js';
import { newFabricLaneCounters, snapshot, type FabricLaneCounters, type FabricPortCounters } from './counters.js';

/**
 * A port whose card receives what it sends. Nothing is kept here: `full` is the answer of the card's own receiving lane,
 * and its room is the sender's room. A lane that was full stays so until then, so that no frame overtakes a larger one.
 */
export class Loopback implements Port {
  readonly name: string;
  private peer: Port | undefined;
  private readonly full: boolean[] = [];
  private readonly used: FabricLaneCounters[] = [];

  constructor(name = 'loopback') {
    this.name = name;
  }

  readonly listening = true;
  /** Any number of lanes: these are as many as were met. */
  get lanes(): number {
    return Math.max(1, this.used.length);
  }

  steer(frame: Frame): number {
    this.lane(frame.lane);
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    const source = this.lane(lane);
    const to = this.peer?.steer(frame) ?? lane;
    const target = this.lane(to);
    const sent = this.pass(frame, to, target);
    if (sent === Sent.full) {
      this.full[to] = true;
      target.toldFull++;
      return sent;
    }
    source.inFrames++;
    source.inBytes += frame.length;
    return sent;
  }

  flush(): void {
    this.peer?.flush();
  }

  room(): void {
    this.full.fill(false);
    this.peer?.room();
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
    this.full.fill(false);
  }

  /** A plain copy of the counters. */
  counters(): FabricPortCounters {
    return { name: this.name, lanes: this.used.map(snapshot) };
  }

  private pass(frame: Frame, to: number, target: FabricLaneCounters): Sent {
    if (!this.peer) {
      countDrop(target, 'unconnected');
      return Sent.dropped;
    }
    const sent = this.full[to] ? Sent.full : this.peer.send(frame, to);
    if (sent === Sent.dropped) target.refused++;
    if (sent === Sent.taken) {
      target.outFrames++;
      target.outBytes += frame.length;
    }
    return sent;
  }

  private lane(index: number): FabricLaneCounters {
    while (this.used.length <= index) this.used.push(newFabricLaneCounters());
    return this.used[index];
  }
}
