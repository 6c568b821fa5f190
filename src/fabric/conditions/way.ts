import { countDrop, type DropReason, type Drops } from '../../net/link/counters.js';
import type { Frame } from '../../net/link/frame.js';
import { Sent } from '../../net/link/port.js';
import { wirePayload } from '../../net/link/transport.js';
import type { Clock } from '../../virtio/clock.js';
import { randomNumbers } from '../../virtio/random.js';
import type { End } from '../end.js';
import type { LinkSettings } from './options.js';
import { storedBytes, StoredPool, type Stored } from './stored.js';

/** What passed one lane of one way of a link. frames + duplicated = delivered + refused + dropped + waiting. */
export interface LinkLaneCounters {
  /** Frames that came in; those that were told `full` when they are sent again. */
  frames: number;
  bytes: number;
  /** Frames that the receiver took, and those that it dropped and counted itself. */
  delivered: number;
  refused: number;
  /** Frames that were to come out twice. */
  duplicated: number;
  /** Frames that were not delayed. */
  reordered: number;
  toldFull: number;
  /** Frames that are still to come out, twice those of which two copies are; and what they take of the link's memory. */
  waitingFrames: number;
  waitingBytes: number;
  dropped: Drops;
}

/** How much of a lane may wait for a receiver without room before the sender is told to wait, in bytes of memory. */
const mostHeldBytes = 1 << 20;

/** A lane of a way: its frames wait for their turn at the rate, first come, first served. */
class WayLane {
  readonly queue: Stored[] = [];
  queuedWire = 0;
  /** What the receiver had no room for, in bytes of memory. */
  heldBytes = 0;
  /** When the lane has sent what it has begun to send. */
  free = -Infinity;
  /** When the last frame comes out that may not be overtaken. */
  lastDue = -Infinity;
  /** Its sender was told `full`. */
  told = false;
  readonly counters: LinkLaneCounters = {
    ...{ frames: 0, bytes: 0, delivered: 0, refused: 0, duplicated: 0, reordered: 0, toldFull: 0 },
    ...{ waitingFrames: 0, waitingBytes: 0, dropped: {} },
  };
}

/**
 * One way of a link: from one of its ends to the other. A frame is copied, waits in its lane's queue until the rate allows
 * it, is on its way for as long as the delay says, and is then handed to the receiver. One that finds no room there waits,
 * and those behind it go on, as they may be for somebody who has room.
 *
 * What happens when is reckoned from when frames came, not from when timers fire, so that late timers cost no rate.
 */
export class Way {
  private readonly settings: LinkSettings;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly from: End;
  private readonly out: End;
  private readonly pool = new StoredPool();
  private readonly lanes: WayLane[] = [];
  /** When the link has sent what it has begun to send. */
  private free = -Infinity;
  /** On their way, by when they come out. */
  private flying: Stored[] = [];
  /** Told `full` by the receiver, oldest first. */
  private held: Stored[] = [];
  private readonly mostQueued: number;
  private count = 0;

  private roomCame = false;
  private running = false;
  private again = false;
  /** The receiver took frames since its last flush. */
  private unseen = false;
  private timer: { at: number; cancel: () => void } | undefined;

  /** @param seed of this way alone */
  constructor(settings: LinkSettings, clock: Clock, seed: number, from: End, out: End) {
    this.settings = settings;
    this.clock = clock;
    this.random = randomNumbers(seed);
    this.from = from;
    this.out = out;
    const { rate, laneRate, queue } = settings;
    this.mostQueued = (Math.min(rate, laneRate) / 8000) * queue;
  }

  send(frame: Frame, index: number): Sent {
    const lane = this.lane(index);
    if (lane.told || !this.hasRoom(lane, storedBytes(frame.length))) {
      lane.told = true;
      lane.counters.toldFull++;
      return Sent.full;
    }
    lane.counters.frames++;
    lane.counters.bytes += frame.length;
    if (wirePayload(frame) > this.settings.mtu) return this.lose(lane, frame, 'tooLong');
    if (this.happens(this.settings.loss)) return this.lose(lane, frame, 'linkLoss');
    this.store(lane, frame, index);
    this.run();
    return Sent.taken;
  }

  flush(): void {
    if (!this.unseen) return;
    this.unseen = false;
    this.out.peer?.flush();
  }

  /** The receiver has room: what it had none for goes to it again. */
  room(): void {
    this.roomCame = true;
    this.run();
    this.flush();
  }

  /** Drops all that is on its way: an end of the link is not connected any more. */
  clear(): void {
    const queued = this.lanes.flatMap((lane) => lane.queue.splice(0));
    const lost = [...this.held.splice(0), ...this.flying.splice(0), ...queued];
    for (const lane of this.lanes) {
      lane.queuedWire = lane.heldBytes = 0;
      lane.told = false;
    }
    for (const stored of lost) this.abandon(stored);
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** A plain copy of the counters of all lanes. */
  counters(): LinkLaneCounters[] {
    return this.lanes.map(({ counters }) => ({ ...counters, dropped: { ...counters.dropped } }));
  }

  private lane(index: number): WayLane {
    while (this.lanes.length <= index) this.lanes.push(new WayLane());
    return this.lanes[index];
  }

  /** Whether a frame may come in; `part` of the room is asked for. */
  private hasRoom({ counters, queue, queuedWire, heldBytes }: WayLane, bytes: number, part = 1): boolean {
    if (counters.waitingFrames === 0) return true;
    const fits = counters.waitingBytes + bytes <= this.settings.laneBytes * part;
    const isTaken = heldBytes + bytes <= mostHeldBytes * part;
    return fits && isTaken && (queue.length === 0 || queuedWire < this.mostQueued * part);
  }

  private happens(probability: number): boolean {
    return probability > 0 && this.random() < probability;
  }

  private store(lane: WayLane, frame: Frame, index: number): void {
    const stored = this.pool.take(frame, index, this.clock.now());
    stored.number = this.count++;
    const { counters } = lane;
    counters.waitingFrames++;
    counters.waitingBytes += stored.bytes.length;
    if (this.happens(this.settings.duplicate)) {
      stored.copies = 2;
      counters.waitingFrames++;
      counters.duplicated++;
    }
    lane.queue.push(stored);
    lane.queuedWire += stored.wire;
  }

  /** Does what is due by now, and sees to what is due next. Whoever comes back here from within has it done once more. */
  private run(): void {
    this.again = true;
    if (this.running) return;
    this.running = true;
    let next = Infinity;
    try {
      while (this.again) {
        this.again = false;
        const now = this.clock.now();
        this.retry();
        const nextStart = this.begin(now);
        this.land(now);
        this.invite();
        next = Math.min(nextStart, this.flying.at(0)?.due ?? Infinity);
      }
    } finally {
      this.running = false;
    }
    this.wakeAt(next);
  }

  /** Hands over what the receiver had no room for, oldest first; from the start again if room came meanwhile. */
  private retry(): void {
    let i = 0;
    while (this.roomCame || i < this.held.length) {
      if (this.roomCame) {
        this.roomCame = false;
        i = 0;
      } else {
        const [stored] = this.held.splice(i, 1);
        this.lane(stored.lane).heldBytes -= stored.bytes.length;
        if (!this.handOver(stored)) this.hold(stored, i++);
      }
    }
  }

  /** Sends what may be sent by now, lane by lane as the rates allow; answers when the next frame may be. */
  private begin(now: number): number {
    const { rate, laneRate } = this.settings;
    for (;;) {
      let best: WayLane | undefined;
      let start = Infinity;
      for (const lane of this.lanes) {
        if (lane.queue.length === 0) continue;
        const head = lane.queue[0];
        const possible = Math.max(head.arrived, lane.free, this.free);
        if (possible < start || (possible === start && head.number < best!.queue[0].number)) {
          best = lane;
          start = possible;
        }
      }
      if (!best || start > now) return start;
      const stored = best.queue.shift()!;
      best.queuedWire -= stored.wire;
      this.free = start + (stored.wire * 8000) / rate;
      best.free = start + (stored.wire * 8000) / laneRate;
      this.launch(stored, best, Math.max(this.free, best.free));
    }
  }

  /** A frame was sent; now it is on its way. */
  private launch(stored: Stored, lane: WayLane, sent: number): void {
    const { delay, jitter, reorder } = this.settings;
    if (this.happens(reorder)) {
      lane.counters.reordered++;
      stored.due = sent;
    } else {
      const varied = jitter > 0 ? delay + (2 * this.random() - 1) * jitter : delay;
      lane.lastDue = stored.due = Math.max(lane.lastDue, sent + varied);
    }
    const { flying } = this;
    let at = flying.length;
    while (at > 0 && flying[at - 1].due > stored.due) at--;
    flying.splice(at, 0, stored);
  }

  private land(now: number): void {
    const { flying } = this;
    while (flying.length > 0 && flying[0].due <= now) {
      const stored = flying.shift()!;
      if (!this.handOver(stored)) this.hold(stored, this.held.length);
    }
  }

  private hold(stored: Stored, at: number): void {
    this.held.splice(at, 0, stored);
    this.lane(stored.lane).heldBytes += stored.bytes.length;
  }

  /** To the receiver; false where it has no room for it, or for its second copy. */
  private handOver(stored: Stored): boolean {
    const { counters } = this.lane(stored.lane);
    for (; stored.copies > 0; stored.copies--) {
      const { peer } = this.out;
      if (!peer) break;
      // The receiver may have fewer lanes now than when the frame came.
      const lane = stored.lane < peer.lanes ? stored.lane : peer.steer(stored.frame);
      const sent = peer.send(stored.frame, lane);
      if (sent === Sent.full) {
        // Somebody may have been parted from the link meanwhile; then there is nothing to wait for.
        if (this.out.peer === peer) return false;
        break;
      }
      if (sent === Sent.taken) this.unseen = true;
      counters.waitingFrames--;
      counters[sent === Sent.taken ? 'delivered' : 'refused']++;
    }
    this.abandon(stored);
    return true;
  }

  /** Gives the memory of a frame back; the copies of it that have not come out are lost. */
  private abandon(stored: Stored): void {
    const { counters } = this.lane(stored.lane);
    counters.waitingBytes -= stored.bytes.length;
    for (; stored.copies > 0; stored.copies--) {
      counters.waitingFrames--;
      countDrop(counters, 'unconnected', stored.frame);
      this.out.noteLoss(stored.frame);
    }
    this.pool.give(stored);
  }

  /** Whoever was told `full` may send again when half of the room is free, so that he need not be told so all the time. */
  private invite(): void {
    let invited = false;
    for (const lane of this.lanes) {
      if (!lane.told || !this.hasRoom(lane, 0, 0.5)) continue;
      lane.told = false;
      invited = true;
    }
    if (invited) this.from.peer?.room();
  }

  private wakeAt(at: number): void {
    if (this.timer && this.timer.at <= at) return;
    this.timer?.cancel();
    this.timer = undefined;
    if (at === Infinity) return;
    const cancel = this.clock.after(Math.max(0, at - this.clock.now()), () => {
      this.timer = undefined;
      this.run();
      this.flush();
    });
    this.timer = { at, cancel };
  }

  private lose(lane: WayLane, frame: Frame, reason: DropReason): Sent {
    countDrop(lane.counters, reason, frame);
    this.out.noteLoss(frame);
    return Sent.dropped;
  }
}
