import type { Frame } from '../../net/link/frame.js';
import type { Port, Sent } from '../../net/link/port.js';
import type { Clock } from '../../virtio/clock.js';
import { End, putBefore } from '../end.js';
import { linkSettings, type LinkConditions } from './options.js';
import { Way, type LinkLaneCounters } from './way.js';

/** The counters of a link with conditions, lane by lane, as plain data. */
export interface LinkCounters {
  name: string;
  /** From the card to the port, and from the port to the card. */
  fromCard: LinkLaneCounters[];
  toCard: LinkLaneCounters[];
}

/**
 * A link that is as bad as it is told to be: slow, late, lossy. It stands before a port and is to be connected with
 * instead, as in `connect(card, new ConditionedLink(port, { rate: 1e7, delay: 20 }, { clock }).port)`. Each way of it has
 * all conditions by itself; the round trip is twice the delay. Ports without one are not concerned in any way.
 *
 * It holds to the contract of `Port`: lanes wait for each other only for the rate that they share, a frame that it has no
 * room for is told `full`, and large frames go through whole, but count as the segments that they are to become.
 */
export class ConditionedLink {
  /** What is to be connected with. */
  readonly port: Port;
  private readonly near: WayEnd;
  private readonly far: WayEnd;

  /** @throws RangeError for a condition out of its range */
  constructor(port: Port, conditions: LinkConditions, { clock }: { clock: Clock }) {
    const settings = linkSettings(conditions);
    this.near = new WayEnd(port.name);
    this.far = new WayEnd(`link of ${port.name}`);
    putBefore(port, this.near, this.far);
    this.near.way = new Way(settings, clock, 2 * settings.seed, this.near, this.far);
    this.far.way = new Way(settings, clock, 2 * settings.seed + 1, this.far, this.near);
    this.port = this.near;
  }

  counters(): LinkCounters {
    return { name: this.port.name, fromCard: this.near.way.counters(), toCard: this.far.way.counters() };
  }
}

class WayEnd extends End {
  declare other: WayEnd;
  /** That of the frames that come in here. */
  way!: Way;

  override send(frame: Frame, lane: number): Sent {
    return this.way.send(frame, lane);
  }

  override flush(): void {
    this.way.flush();
  }

  override room(): void {
    this.other.way.room();
  }

  override attach(peer: Port | undefined): void {
    if (peer === this.peer) return;
    const parted = this.peer !== undefined;
    super.attach(peer);
    if (!parted) return;
    this.way.clear();
    this.other.way.clear();
  }
}
