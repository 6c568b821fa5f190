import type { Frame } from '../../../net/link/frame.js';
import { Congestion } from './congestion.js';
import { RetransmissionTimeout } from './retransmission.js';
import { flag, type Segment } from './segment.js';
import { SendBuffer } from './sendBuffer.js';
import { isAfter, offset, plus } from './sequence.js';

/** What bounds a sender, in bytes: its buffer, the payload of a segment on the wire, and that of one that is still to be cut. */
export interface SenderLimits {
  readonly buffer: number;
  readonly mss: number;
  readonly large: number;
}

/** The sending half of a connection whose handshake is done: what is to be sent, and what is known of its arrival. */
export class Sender {
  /** What is to be sent, from the first byte on that was not acknowledged. */
  readonly buffer: SendBuffer;
  readonly timeout = new RetransmissionTimeout();
  /** How often in a row nothing was acknowledged in time. */
  failures = 0;
  retransmissions = 0;
  /** The stream ends behind what is in the buffer. */
  finQueued = false;
  finAcknowledged = false;
  /** What was acknowledged last was new, or opened the window. */
  progressed = false;

  /** What `next` found is to be sent: from where, how many bytes, and whether the stream ends with them. */
  at = 0;
  size = 0;
  fin = false;

  private readonly limits: SenderLimits;
  private readonly congestion: Congestion;
  /** SND.UNA and SND.NXT (RFC 9293, 3.3.1), and what SND.NXT was at most. */
  private una: number;
  private nxt: number;
  private highest: number;
  /** SND.WND in bytes, the most that it ever was, and what it was taken from: SND.WL1 and SND.WL2. */
  private window = 0;
  private mostWindow = 0;
  private wl1 = 0;
  private wl2 = 0;
  private readonly scale: number;
  /** A byte whose round trip is timed, and since when in milliseconds; negative while there is none. */
  private timed = 0;
  private timedSince = -1;
  /** The first segment is to be sent again, or something although the window does not allow it. */
  private again = false;
  private forced = false;

  /**
   * @param initial the sequence number of the SYN, which was acknowledged by `segment`
   * @param scale of the other end's windows
   */
  constructor(initial: number, segment: Segment, scale: number, limits: SenderLimits) {
    this.limits = limits;
    this.buffer = new SendBuffer(limits.buffer);
    this.una = this.nxt = this.highest = plus(initial, 1);
    this.congestion = new Congestion(limits.mss, initial, limits.buffer);
    this.scale = scale;
    this.takeWindow(segment);
  }

  /** Something is under way, or waits for the window: then there is to be a timer. */
  get waits(): boolean {
    return isAfter(this.highest, this.una) || this.unsent > 0;
  }

  get sequence(): number {
    return this.nxt;
  }

  /** Finds what may be sent now; false where there is nothing. `sent` is to follow. */
  next(): boolean {
    const { limits, congestion, flight, unsent } = this;
    if (this.again) return this.firstAgain();
    const usable = Math.min(this.window, Math.floor(congestion.window)) - flight;
    const open = this.forced ? Math.max(1, usable) : usable;
    let size = Math.max(0, Math.min(unsent, open, limits.large));
    // What is cut into segments is cut into full ones, but for the last.
    if (size < unsent && size > limits.mss) size -= size % limits.mss;
    this.at = this.nxt;
    this.size = size;
    this.fin = this.finQueued && !this.finAcknowledged && unsent >= 0 && size === unsent;
    if (size === 0) return this.fin;
    return size === unsent || size >= limits.mss || this.forced || 2 * size >= this.mostWindow;
  }

  /** Adds the bytes that `next` found to a frame, which has to be sent at once. */
  addTo(frame: Frame): void {
    this.buffer.addTo(frame, offset(this.una, this.at), this.size);
  }

  /** What `next` found was sent. */
  sent(now: number): void {
    const end = plus(this.at, this.size + (this.fin ? 1 : 0));
    if (isAfter(this.highest, this.at)) this.retransmissions++;
    else if (this.timedSince < 0) {
      this.timed = end;
      this.timedSince = now;
    }
    if (!this.again) this.nxt = end;
    this.again = this.forced = false;
    if (isAfter(end, this.highest)) this.highest = end;
  }

  /** Takes over what a segment acknowledges; false where that was never sent. */
  acknowledged(segment: Segment, now: number): boolean {
    const { acknowledgement } = segment;
    this.progressed = false;
    if (isAfter(acknowledgement, this.highest)) return false;
    const fresh = offset(this.una, acknowledgement);
    if (fresh < 0) return true;
    const before = this.window;
    if (isAfter(segment.sequence, this.wl1) || (segment.sequence === this.wl1 && !isAfter(this.wl2, acknowledgement))) {
      this.takeWindow(segment);
    }
    if (before === 0 && this.window > 0) {
      this.progressed = true;
      this.timeout.restart();
    }
    if (fresh > 0) this.advance(fresh, acknowledgement, now);
    else if (segment.span === 0 && before === this.window && isAfter(this.highest, this.una)) this.repeated();
    if (this.window === 0) this.failures = 0;
    return true;
  }

  /** Nothing was acknowledged in time: all is sent again, or the window is probed (RFC 9293, 3.8.6.1). */
  timedOut(): void {
    this.failures++;
    this.timeout.backOff();
    this.timedSince = -1;
    const outstanding = offset(this.una, this.highest);
    if (outstanding > 0 && this.window > 0) this.congestion.timedOut(this.highest, outstanding);
    this.nxt = this.una;
    this.again = false;
    this.forced = true;
  }

  private get flight(): number {
    return offset(this.una, this.nxt);
  }

  /** Bytes that were not sent yet, or are to be sent again; negative when the end was sent. */
  private get unsent(): number {
    return this.buffer.length - this.flight;
  }

  private firstAgain(): boolean {
    const lost = offset(this.una, this.highest);
    this.at = this.una;
    this.size = Math.min(this.buffer.length, this.limits.mss, lost);
    this.fin = this.finQueued && this.size === this.buffer.length && lost > this.size;
    if (this.size > 0 || this.fin) return true;
    this.again = false;
    return this.next();
  }

  private advance(bytes: number, acknowledgement: number, now: number): void {
    const ofBuffer = Math.min(bytes, this.buffer.length);
    this.buffer.drop(ofBuffer);
    if (bytes > ofBuffer) this.finAcknowledged = true;
    this.una = acknowledgement;
    if (isAfter(acknowledgement, this.nxt)) this.nxt = acknowledgement;
    if (this.timedSince >= 0 && !isAfter(this.timed, acknowledgement)) {
      this.timeout.measured(now - this.timedSince);
      this.timedSince = -1;
    }
    this.progressed = true;
    this.failures = 0;
    this.again = this.congestion.acknowledged(bytes, acknowledgement, this.flight);
    if (this.again) this.timedSince = -1;
  }

  private repeated(): void {
    if (!this.congestion.duplicate(this.una, this.highest, offset(this.una, this.highest))) return;
    this.again = true;
    this.timedSince = -1;
  }

  private takeWindow(segment: Segment): void {
    // That of a SYN is not scaled (RFC 7323, 2.2).
    this.window = segment.window * 2 ** (segment.has(flag.syn) ? 0 : this.scale);
    this.mostWindow = Math.max(this.mostWindow, this.window);
    this.wl1 = segment.sequence;
    this.wl2 = segment.acknowledgement;
  }
}
