import { allDropped, countDrop, type DropReason, type Drops } from '../../net/link/counters.js';
import type { Frame } from '../../net/link/frame.js';
import { allOffloads } from '../../net/link/offloads.js';
import { Sent, type Port } from '../../net/link/port.js';
import type { PortLosses } from '../counters.js';
import { LinkMemory, type LinkEnd } from './link.js';
import { Sleeper, sleepState } from './sleeper.js';

/** What passed an end of a link. `in` comes from the other thread, `out` goes there. */
export interface SharedPortCounters {
  inFrames: number;
  inBytes: number;
  outFrames: number;
  outBytes: number;
  /** Times a sender was told `full`. */
  toldFull: number;
  /** Times the other thread slept and was woken. */
  wakeUps: number;
  dropped: Drops;
}

/**
 * A port whose other end is in another thread. A frame is copied into the ring of its lane, and from there by whoever is
 * connected over there; nothing else is done with it. Where the ring is full, the sending lane pauses until the other
 * thread made room.
 *
 * A port does nothing by itself when frames come in: its thread has to call `poll`, see `SharedNode`.
 */
export class SharedPort implements Port {
  readonly name: string;
  readonly lanes: number;
  /** Whoever is connected at the other end does what is left to do. */
  readonly offloads = allOffloads;
  /** What this end lost. */
  readonly lost: PortLosses;

  private peer: Port | undefined;
  private readonly end: LinkEnd;
  private readonly memory: LinkMemory;
  private readonly other: Sleeper;
  private readonly left: () => void;
  /** Lanes that answered `full`. */
  private readonly full: boolean[];
  /** Lanes whose oldest frame was answered `full` by the peer. */
  private readonly held: boolean[];
  private readonly passed = { inFrames: 0, inBytes: 0, outFrames: 0, outBytes: 0, toldFull: 0, wakeUps: 0 };
  private unseen = false;
  private polling = false;
  private closed = false;

  /** @param left told when the port is closed */
  constructor(name: string, end: LinkEnd, left: () => void) {
    this.name = name;
    this.lanes = end.lanes;
    this.end = end;
    this.left = left;
    this.memory = new LinkMemory(end);
    this.other = new Sleeper(end.otherAsleep);
    this.full = new Array<boolean>(end.lanes).fill(false);
    this.held = new Array<boolean>(end.lanes).fill(false);
    this.lost = { name, lanes: Array.from({ length: end.lanes }, () => ({ dropped: {} })) };
  }

  /** What passed until now. */
  get counters(): SharedPortCounters {
    return { ...this.passed, dropped: allDropped(this.lost.lanes) };
  }

  get listening(): boolean {
    return !this.closed && !this.memory.otherClosed;
  }

  steer(frame: Frame): number {
    return frame.lane % this.lanes;
  }

  send(frame: Frame, lane: number): Sent {
    if (!this.listening) return this.drop(lane, 'unconnected', frame);
    const writer = this.memory.writers[lane];
    if (frame.length > writer.longest) return this.drop(lane, 'tooLong', frame);
    if (this.full[lane] || !writer.push(frame)) {
      this.full[lane] = true;
      this.passed.toldFull++;
      // What is in the ring is to be taken out, or there would never be room.
      this.flush();
      return Sent.full;
    }
    this.unseen = true;
    this.passed.outFrames++;
    this.passed.outBytes += frame.length;
    return Sent.taken;
  }

  flush(): void {
    if (!this.unseen) return;
    this.unseen = false;
    this.wake();
  }

  room(): void {
    this.held.fill(false);
    this.poll();
  }

  attach(peer: Port | undefined): void {
    if (peer === this.peer) return;
    const before = this.peer;
    this.peer = undefined;
    before?.attach(undefined);
    this.peer = peer;
    this.held.fill(false);
  }

  /** Whether `poll` would have something to do. */
  get ready(): boolean {
    if (this.closed) return false;
    if (this.memory.otherClosed) return true;
    if (!this.peer) return false;
    const { readers, writers } = this.memory;
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!this.held[lane] && readers[lane].ready) return true;
      if (this.full[lane] && !writers[lane].waits) return true;
    }
    return false;
  }

  /** Hands on what came in, and tells the peer of room that there is again. */
  poll(): void {
    if (this.polling || this.closed) return;
    // Before the rings: what the other end put in and then closed is still handed on.
    const ended = this.memory.otherClosed;
    this.polling = true;
    try {
      this.receive();
      this.tellRoom();
    } finally {
      this.polling = false;
      if (this.closed) this.leave();
    }
    if (ended) this.close();
  }

  /**
   * Parts the port from its peer, and tells the other end, which hands on what is there for it, and does the same. What
   * came from there and was not handed on is lost, and counted as `unconnected`.
   */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.full.fill(false);
    this.peer?.room();
    this.attach(undefined);
    // Else the frame that is just handed on is still in its ring.
    if (!this.polling) this.leave();
  }

  /**
   * The other thread broke, and can't close its end: what it had sent is handed on, what it had not taken is lost, and
   * counted as `unconnected`, and the port is closed.
   */
  otherBroke(): void {
    this.memory.closeOther();
    this.poll();
  }

  /** For its thread: the other end rang. */
  rung(): void {
    if (this.closed) this.finish();
  }

  /**
   * From here on this end never again says for the other thread that it is awake: with the bell of an end that is seen to be
   * closed no wake-up gets lost. So the bell tells of the end itself whatever that thread says of its sleep.
   */
  private leave(): void {
    for (const [lane, reader] of this.memory.readers.entries()) this.lose(lane, reader.clear());
    this.memory.close();
    this.other.rouse();
    this.end.bell.postMessage(0);
    this.finish();
    this.left();
  }

  /** Once both ends are closed: what the other one did not take any more is lost, and there is nothing more to hear. */
  private finish(): void {
    if (!this.memory.otherClosed) return;
    const { bell } = this.end;
    bell.onmessage = null;
    bell.close();
    for (const [lane, writer] of this.memory.writers.entries()) this.lose(lane, writer.unread);
  }

  private lose(lane: number, frames: number): void {
    for (let i = 0; i < frames; i++) this.drop(lane, 'unconnected');
  }

  private drop(lane: number, reason: DropReason, frame?: Frame): Sent {
    countDrop(this.lost.lanes[lane], reason, frame);
    return Sent.dropped;
  }

  private receive(): void {
    let taken = false;
    let roomMade = false;
    for (let lane = 0; lane < this.lanes; lane++) {
      const reader = this.memory.readers[lane];
      while (this.peer && !this.held[lane]) {
        const frame = reader.head();
        if (!frame) break;
        const { length } = frame;
        if (this.peer.send(frame, this.peer.steer(frame)) === Sent.full) {
          this.held[lane] = true;
          break;
        }
        taken = true;
        this.passed.inFrames++;
        this.passed.inBytes += length;
        if (reader.shift()) roomMade = true;
      }
    }
    if (roomMade) this.wake();
    if (taken) this.peer?.flush();
  }

  private tellRoom(): void {
    let any = false;
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!this.full[lane] || this.memory.writers[lane].waits) continue;
      this.full[lane] = false;
      any = true;
    }
    if (any) this.peer?.room();
  }

  /** Only who says that he sleeps is woken, and by one sender once. */
  private wake(): void {
    if (this.closed) return;
    const found = this.other.wake();
    if (found === sleepState.awake) return;
    this.passed.wakeUps++;
    if (found === sleepState.sleeping) this.end.bell.postMessage(0);
  }
}
