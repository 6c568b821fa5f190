import { countDrop, type DropReason } from '../net/link/counters.js';
import type { Frame } from '../net/link/frame.js';
import { neededOffloads } from '../net/link/offloads.js';
import { Sent, type Port } from '../net/link/port.js';
import { Segments } from '../net/link/segments.js';
import type { Clock } from '../virtio/clock.js';
import { Backlog } from './backlog.js';
import { newFabricLaneCounters, snapshot, type FabricLaneCounters } from './counters.js';

/** How much a lane lets wait, and for how long. */
export interface LaneLimits {
  backlogFrames: number;
  backlogBytes: number;
  /** In milliseconds. */
  deadline: number;
}

/** What a lane needs of the port that it belongs to. */
export interface LaneOwner {
  /** The receiver; undefined when it is gone. */
  readonly peer: Port | undefined;
  /** The receiver took a frame and is due a flush. */
  delivered(): void;
  /** A frame waits and is due a look when its deadline comes. */
  waiting(): void;
  /** Where somebody wants to know: a frame on its way out is lost. */
  readonly onLost?: ((frame: Frame) => void) | undefined;
}

/** Somebody who was told `full` and keeps frames until it is his turn to send them again. */
export interface Sender {
  invite(): void;
}

/**
 * One lane on its way to one receiver. A frame goes straight through while the receiver takes it, else into the backlog;
 * when that has no room for it, its sender is told `full` and queues up. While senders queue, nobody overtakes them: the
 * lane is full to everybody but the one whose turn it is, so that each sender's frames keep their order whatever their
 * sizes, and none starves.
 *
 * What a frame still asks for and the receiver can't do is done here, once, at the edge: its segments go to the receiver
 * one by one, and where it has no more room, the frame waits with the segments that it still has.
 */
export class Lane {
  private readonly owner: LaneOwner;
  private readonly index: number;
  private readonly clock: Clock;
  private readonly deadline: number;
  private readonly backlog: Backlog;
  private readonly counters = newFabricLaneCounters();

  private readonly senders: Sender[] = [];
  private turn: Sender | undefined;
  /** Frames accepted of senders, to see whether a turn brought any. */
  private accepted = 0;
  private running = false;
  private wanted = 0;

  private readonly segments = new Segments();
  /** How many segments of the frame that waits longest the receiver has already. */
  private segmentsTaken = 0;
  /** Segments of a frame that does not wait are on their way. */
  private cutting = false;
  /** The receiver took nothing for a whole deadline: until it does, nothing waits for it, or senders' rings would fill. */
  private stalled = false;
  /** When the receiver last took something out of the backlog, in milliseconds. */
  private progress = -Infinity;

  constructor(owner: LaneOwner, index: number, clock: Clock, limits: LaneLimits) {
    this.owner = owner;
    this.index = index;
    this.clock = clock;
    this.deadline = limits.deadline;
    this.backlog = new Backlog(limits.backlogFrames, limits.backlogBytes);
  }

  /** A frame for this lane's receiver alone. `full` leaves it with its sender, who is invited when it may come again. */
  offer(frame: Frame, from: Sender): Sent {
    const inTurn = !this.cutting && (this.senders.length === 0 || this.turn === from);
    const sent = inTurn ? this.accept(frame) : Sent.full;
    if (sent !== Sent.full) {
      this.accepted++;
      // Whoever came while segments were on their way was sent to wait, and there may be room. A round that is under way
      // sees to all who wait by itself.
      if (this.senders.length > 0 && !this.running) this.room();
      return sent;
    }
    this.counters.toldFull++;
    if (this.turn === from) this.turn = undefined;
    if (!this.senders.includes(from)) this.senders.push(from);
    return sent;
  }

  /**
   * One of several copies of a frame: it is lost where there is no room for it, since its sender can't send it to some. The
   * backlog has room for such that other frames can't take.
   */
  offerCopy(frame: Frame): void {
    if (this.cutting || this.accept(frame, true) === Sent.full) this.lose(frame, 'backlogFull');
  }

  /** The receiver has room, or is gone: what waits goes to it, then the senders who wait may send again. */
  room(): void {
    this.wanted++;
    // The receiver and the senders may come back here from within: then the round that is under way goes once more.
    if (this.running) return;
    this.running = true;
    try {
      let seen;
      do {
        seen = this.wanted;
        this.drain();
        this.inviteSenders();
      } while (seen !== this.wanted);
    } finally {
      this.running = false;
      this.turn = undefined;
    }
  }

  /** Drops what has waited for its deadline: the receiver took nothing for as long. */
  expire(now: number): void {
    // Frames in the hands of the receiver are not to be touched; the next look comes soon enough.
    if (this.running || this.due() > now) return;
    this.stalled = true;
    while (this.due() <= now) {
      this.lose(this.backlog.head, 'deadline');
      this.backlog.shift();
      this.segmentsTaken = 0;
    }
    this.room();
  }

  /**
   * When the next frame meets its deadline, in milliseconds; infinity where none waits. A receiver that is slow, but takes
   * one frame after the other, loses none: the time begins anew with each that it takes.
   */
  due(): number {
    return this.backlog.length > 0 ? Math.max(this.backlog.headTime, this.progress) + this.deadline : Infinity;
  }

  /** Counts a frame that came from the card of this lane's port. */
  countIn(frame: Frame): void {
    this.counters.inFrames++;
    this.counters.inBytes += frame.length;
  }

  /** Counts that the sender was told `full` by the port itself. */
  countFull(): void {
    this.counters.toldFull++;
  }

  countFloodCopies(copies: number): void {
    this.counters.floodCopies += copies;
  }

  countFiltered(): void {
    this.counters.filtered++;
  }

  /** Counts a frame of this lane as lost; undefined where it is not at hand any more. */
  drop(frame: Frame | undefined, reason: DropReason): Sent {
    countDrop(this.counters, reason, frame);
    return Sent.dropped;
  }

  snapshot(): FabricLaneCounters {
    return { ...snapshot(this.counters), waitingFrames: this.backlog.length, waitingBytes: this.backlog.bytes };
  }

  private accept(frame: Frame, reserved = false): Sent {
    if (this.backlog.length === 0) {
      const sent = this.deliver(frame, this.index);
      if (sent !== Sent.full) return sent;
    }
    if (this.stalled) {
      this.lose(frame, 'deadline');
      return Sent.dropped;
    }
    if (!this.backlog.push(frame, this.clock.now(), reserved)) return Sent.full;
    this.counters.peakFrames = Math.max(this.counters.peakFrames, this.backlog.length);
    this.counters.peakBytes = Math.max(this.counters.peakBytes, this.backlog.bytes);
    this.owner.waiting();
    return Sent.taken;
  }

  /** To the receiver; on the answer `full` the frame is to wait, with as many segments taken as it has. */
  private deliver(frame: Frame, lane: number): Sent {
    const receiver = this.owner.peer;
    if (!receiver) {
      this.segmentsTaken = 0;
      this.lose(frame, 'unconnected');
      return Sent.dropped;
    }
    const whole = this.segmentsTaken === 0 && (neededOffloads(frame) & ~receiver.offloads) === 0;
    const sent = whole ? receiver.send(frame, lane) : this.deliverSegments(frame, lane, receiver);
    if (sent === undefined || sent === Sent.full) return sent ?? Sent.dropped;
    this.stalled = false;
    if (sent === Sent.dropped) {
      this.counters.refused++;
      return sent;
    }
    this.counters.outFrames++;
    this.counters.outBytes += frame.length;
    this.owner.delivered();
    return sent;
  }

  /** The segments that the receiver does not have yet. Undefined for a frame that can't be cut, which is dropped. */
  private deliverSegments(frame: Frame, lane: number, receiver: Port): Sent | undefined {
    const { segments } = this;
    if (!segments.start(frame, receiver.offloads)) {
      this.lose(frame, 'badOffload');
      return undefined;
    }
    const before = this.segmentsTaken;
    segments.index = before;
    let answer: Sent = Sent.taken;
    this.cutting = true;
    for (let segment = segments.next(); segment; segment = segments.next()) {
      const sent = receiver.send(segment, lane);
      if (sent === Sent.full) {
        answer = sent;
        break;
      }
      this.segmentsTaken++;
      this.counters.segments++;
      this.owner.delivered();
      if (sent === Sent.dropped) {
        answer = sent;
        frame.lost = segment.lost;
      }
    }
    this.cutting = false;
    if (this.segmentsTaken > before) {
      this.stalled = false;
      this.progress = this.clock.now();
    }
    if (answer !== Sent.full) this.segmentsTaken = 0;
    return answer;
  }

  /** A frame on its way out. */
  private lose(frame: Frame, reason: DropReason): void {
    this.drop(frame, reason);
    this.owner.onLost?.(frame);
  }

  private drain(): void {
    const before = this.backlog.length;
    while (this.backlog.length > 0) {
      const frame = this.backlog.head;
      const receiver = this.owner.peer;
      // The receiver may have fewer lanes now than when the frame came.
      const gone = receiver !== undefined && this.index >= receiver.lanes;
      if (this.deliver(frame, gone ? receiver.steer(frame) : this.index) === Sent.full) break;
      this.backlog.shift();
    }
    if (this.backlog.length < before) this.progress = this.clock.now();
  }

  /** Gives each sender that was told `full` its turn, until the lane is full again. */
  private inviteSenders(): void {
    while (this.senders.length > 0) {
      const sender = this.senders[0];
      const before = this.accepted;
      this.turn = sender;
      sender.invite();
      const fullAgain = this.turn !== sender;
      this.turn = undefined;
      // Who got nothing in stays the first, or small frames of others would keep a large one out for ever.
      if (fullAgain && this.accepted === before) return;
      this.senders.shift();
      if (!fullAgain) continue;
      this.senders.push(sender);
      return;
    }
  }
}
