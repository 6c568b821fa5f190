import type { DropReason } from '../../../net/link/counters.js';
import { gsoType } from '../../../net/link/frame.js';
import { Sent } from '../../../net/link/port.js';
import type { Waiter } from '../neighbours.js';
import { protocols, transportStart } from '../packet.js';
import type { TcpPlace } from './place.js';
import { Receiver } from './receiver.js';
import { RetransmissionTimeout } from './retransmission.js';
import { checksumAt, flag, headerBytes, synOptionBytes, writeHeader, type Segment } from './segment.js';
import { Sender } from './sender.js';
import { plus } from './sequence.js';

/** How a connection that failed ended; `aborted` is by this end. */
export type TcpFailure = 'refused' | 'reset' | 'timedOut' | 'unreachable' | 'aborted';

/** What a connection tells whoever uses it, at the end of each burst of packets. All may be left out. */
export interface TcpHandler {
  /** The handshake is done. */
  connected?(): void;
  /** There is something to `read`, or the other end has ended its stream: see `ended`. */
  readable?(): void;
  /** There is room again after `write` took less than it was given. */
  writable?(): void;
  /** It is over; without a failure both ends have ended their streams. */
  closed?(failure: TcpFailure | undefined): void;
}

type Phase = 'synSent' | 'synReceived' | 'established' | 'timeWait' | 'closed';

export interface Remote {
  readonly address: number;
  readonly port: number;
}

/**
 * A connection of TCP (RFC 9293) between the gateway and a station. Its memory is bounded by its two buffers: `write` takes
 * what there is room for, and the other end is told of the room that `read` makes. It knows of no urgent data, selective
 * acknowledgements or time stamps, which TCP leaves to agreement.
 */
export class TcpConnection implements Waiter {
  readonly remote: Remote;
  readonly localPort: number;
  handler: TcpHandler = {};
  /** Bytes that were taken of, and given to, whoever uses it. */
  sentBytes = 0;
  receivedBytes = 0;

  private readonly place: TcpPlace;
  private readonly initial: number;
  private readonly localMss: number;
  private phase: Phase;
  private sender: Sender | undefined;
  private receiver: Receiver | undefined;
  private remoteMss = 536;
  /** Of the other end's windows; undefined where it did not offer to scale them. */
  private remoteScale: number | undefined;
  private readonly handshake = new RetransmissionTimeout();
  private attempts = 0;
  /** In milliseconds. */
  private askedAt = 0;
  private synDue: boolean;
  /** This end's stream is to end, which the sender knows as soon as there is one. */
  private endDue = false;
  private resolving = false;
  /** This end ended its stream first, and so waits when all is done (RFC 9293, 3.6.1). */
  private first = false;
  private deadline = Infinity;
  /** When the timer that was made looks at the time. */
  private looksAt = Infinity;
  private cancelTimer: (() => void) | undefined;
  /** What is to be told at the end of the burst. */
  private readonly tell = { connected: false, readable: false, closed: false };
  private wanted = false;
  /** Why it failed, if it did. */
  failure: TcpFailure | undefined;

  /** @param syn what the other end asked with; left out where this end asks */
  constructor(place: TcpPlace, remote: Remote, localPort: number, syn?: Segment) {
    this.place = place;
    this.remote = remote;
    this.localPort = localPort;
    this.localMss = place.mtu - 40;
    this.initial = Math.floor(place.random() * 2 ** 32);
    this.phase = syn ? 'synReceived' : 'synSent';
    this.synDue = true;
    if (syn) this.agree(syn);
  }

  get isOpen(): boolean {
    return this.phase === 'synSent' || this.phase === 'synReceived' || this.phase === 'established';
  }

  /** The other end has ended its stream, and all of it was read. */
  get ended(): boolean {
    return this.receiver?.finished === true && this.receiver.buffer.available === 0;
  }

  get retransmissions(): number {
    return this.sender?.retransmissions ?? 0;
  }

  /** Takes as many bytes as there is room for, and answers how many; `writable` tells when there is more. */
  write(bytes: Uint8Array): number {
    const { sender } = this;
    const taken = sender && this.phase === 'established' && !sender.finQueued ? sender.buffer.write(bytes) : 0;
    this.sentBytes += taken;
    this.wanted = taken < bytes.length;
    if (taken > 0) this.place.wakeSoon(this);
    return taken;
  }

  /** Takes up to `most` bytes that came in; undefined where there are none now. */
  read(most = Infinity): Uint8Array | undefined {
    const { receiver } = this;
    const bytes = receiver?.buffer.read(most);
    if (!receiver || !bytes) return undefined;
    this.receivedBytes += bytes.length;
    if (this.phase === 'established' && receiver.acknowledgements > 0) this.place.wakeSoon(this);
    return bytes;
  }

  /** Ends this end's stream, at the earliest when the handshake is done; the other end may go on with its own. */
  end(): void {
    if (this.endDue) return;
    this.endDue = true;
    if (!this.sender) return;
    this.sender.finQueued = true;
    this.place.wakeSoon(this);
  }

  /** Ends both streams at once; `closed` tells of it as of any other end. */
  abort(): void {
    if (this.isOpen) {
      if (this.receiver) this.emit(flag.rst | flag.ack, this.sender?.sequence ?? plus(this.initial, 1));
      this.failure = 'aborted';
      this.tell.closed = true;
    }
    this.close();
    this.place.wakeSoon(this);
  }

  /** For TCP: a segment of this connection. */
  received(segment: Segment): DropReason | undefined {
    if (this.phase === 'synSent') return this.answered(segment);
    const { receiver } = this;
    if (!receiver || this.phase === 'closed') return 'unreachable';
    if (segment.has(flag.rst)) return this.wasReset(segment, receiver);
    if (segment.has(flag.syn)) {
      // An attack, or of a station that began anew (RFC 5961, 4).
      if (this.phase !== 'synReceived') receiver.acknowledge();
      // The first answer was lost.
      else if (!segment.has(flag.ack)) this.synDue = true;
      // Both asked at the same time, and this is the answer (RFC 9293, 3.5).
      else if (this.establish(segment)) receiver.acknowledge();
      else return this.place.refuse(segment);
      return undefined;
    }
    if (!segment.has(flag.ack) || !receiver.isNear(segment)) {
      receiver.acknowledge();
      return undefined;
    }
    if (this.phase === 'synReceived' && !this.establish(segment)) return this.place.refuse(segment);
    if (!this.sender?.acknowledged(segment, this.place.clock.now())) {
      receiver.acknowledge();
      return undefined;
    }
    receiver.accept(segment);
    if (segment.span > 0) this.tell.readable = true;
    // What is under way now has the whole time again (RFC 6298, 5.3).
    if (this.sender.progressed) this.stopTimer();
    this.checkEnd();
    return undefined;
  }

  /** For TCP, at the end of a burst: tells of what happened, and sends what there is to send. */
  service(): void {
    const { handler, tell } = this;
    if (tell.connected) handler.connected?.();
    if (tell.readable) handler.readable?.();
    if (this.wanted && this.sender && this.sender.buffer.length < this.place.bufferBytes) {
      this.wanted = false;
      handler.writable?.();
    }
    tell.connected = tell.readable = false;
    this.output();
    if (!tell.closed) return;
    tell.closed = false;
    handler.closed?.(this.failure);
  }

  resolved(): void {
    this.resolving = false;
    this.place.wake(this);
  }

  /** Who was there once may be again: what is under way then has its usual time (RFC 1122, 4.2.3.9). */
  unresolved(): void {
    this.resolving = false;
    if (!this.sender) this.fail('unreachable');
    else if (this.sender.waits) this.startTimer(this.sender.timeout.value);
  }

  /** For TCP: forgets it without a word. */
  close(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.phase = 'closed';
    this.sender?.buffer.release();
    this.place.closed(this);
  }

  private fail(failure: TcpFailure): void {
    if (this.phase === 'closed') return;
    this.failure = failure;
    this.tell.closed = this.phase !== 'timeWait';
    this.close();
    this.place.wake(this);
  }

  /** What came back for a SYN (RFC 9293, 3.10.7.3). */
  private answered(segment: Segment): DropReason | undefined {
    if (segment.has(flag.ack) && segment.acknowledgement !== plus(this.initial, 1)) return this.place.refuse(segment);
    if (segment.has(flag.rst)) {
      if (segment.has(flag.ack)) this.fail('refused');
      return undefined;
    }
    if (!segment.has(flag.syn)) return 'unreachable';
    this.agree(segment);
    if (segment.has(flag.ack)) {
      this.establish(segment);
      this.receiver?.acknowledge();
    } else {
      // Both asked at the same time.
      this.phase = 'synReceived';
      this.synDue = true;
    }
    return undefined;
  }

  /** Takes over what the SYN of the other end says. */
  private agree(syn: Segment): void {
    const { place } = this;
    this.remoteMss = Math.min(this.localMss, Math.max(leastMss, syn.mss ?? this.remoteMss));
    this.remoteScale = syn.windowScale;
    this.receiver = new Receiver(syn.sequence, place.bufferBytes, this.localMss);
    if (syn.windowScale !== undefined) this.receiver.scale = place.windowScale;
  }

  private establish(segment: Segment): boolean {
    if (segment.acknowledgement !== plus(this.initial, 1)) return false;
    const mss = this.remoteMss;
    const limits = { buffer: this.place.bufferBytes, mss, large: mss * Math.max(1, Math.floor(largest / mss)) };
    this.sender = new Sender(this.initial, segment, this.remoteScale ?? 0, limits);
    this.sender.finQueued = this.endDue;
    // Of a SYN that was sent twice it is not known which was answered.
    if (this.attempts === 0) this.sender.timeout.measured(this.place.clock.now() - this.askedAt);
    this.phase = 'established';
    this.synDue = false;
    this.tell.connected = true;
    this.stopTimer();
    return true;
  }

  /** RFC 5961, 3: only the very next number resets, others might be guessed. */
  private wasReset(segment: Segment, receiver: Receiver): DropReason | undefined {
    if (segment.sequence !== receiver.next) {
      if (receiver.isNear(segment)) receiver.acknowledge();
    } else if (receiver.finished && this.sender?.finQueued && this.sender.buffer.length === 0) {
      // All came through, both ways, and the other end has forgotten it already (RFC 9293, 3.10.7.4).
      this.tell.closed = this.phase === 'established';
      this.close();
    } else {
      this.fail(this.phase === 'synReceived' ? 'refused' : 'reset');
    }
    return undefined;
  }

  private checkEnd(): void {
    if (!this.sender?.finAcknowledged || !this.receiver?.finished) return;
    if (this.phase === 'established') this.tell.closed = true;
    if (this.first) {
      this.phase = 'timeWait';
      this.sender.buffer.release();
      this.stopTimer();
      this.startTimer(timeWaitMs);
      this.place.waits(this);
    } else {
      this.close();
    }
  }

  private output(): void {
    if (this.phase === 'closed' || this.resolving) return;
    if (!this.place.neighbours.lookUp(this.remote.address)) {
      this.resolving = true;
      if (!this.place.neighbours.resolve(this.remote.address, this)) this.unresolved();
      return;
    }
    if (this.synDue && !this.sendSyn()) return;
    if (this.phase === 'established' && !this.sendStream()) return;
    const { receiver, sender } = this;
    if (!receiver || !sender) return;
    for (let i = receiver.acknowledgements; i > 0; i--) if (!this.emit(flag.ack, sender.sequence)) return;
    receiver.told();
  }

  private sendSyn(): boolean {
    const flags = flag.syn | (this.phase === 'synReceived' ? flag.ack : 0);
    if (!this.emit(flags, this.initial)) return false;
    this.synDue = false;
    this.askedAt = this.place.clock.now();
    this.startTimer(this.handshake.value);
    return true;
  }

  private sendStream(): boolean {
    const sender = this.sender!;
    const { clock } = this.place;
    while (sender.next()) {
      const last = sender.size === sender.buffer.length || sender.fin;
      const flags = flag.ack | (sender.fin ? flag.fin : 0) | (last && sender.size > 0 ? flag.psh : 0);
      if (!this.emit(flags, sender.at, sender)) return false;
      if (sender.fin) this.first ||= !this.receiver!.finished;
      sender.sent(clock.now());
      this.receiver!.told();
    }
    if (sender.waits) this.startTimer(sender.timeout.value);
    return true;
  }

  /** Sends a segment, with bytes of the sender where it is given; false where there is no room for it now. */
  private emit(flags: number, sequence: number, from?: Sender): boolean {
    const { place, receiver, remote } = this;
    const mac = place.neighbours.lookUp(remote.address);
    if (!mac) return false;
    const syn = (flags & flag.syn) !== 0;
    const size = from?.size ?? 0;
    const header = headerBytes + (syn ? synOptionBytes : 0);
    writeHeader(place.out.bytes, transportStart, {
      ...{ localPort: this.localPort, remotePort: remote.port, sequence, flags },
      acknowledgement: receiver?.next ?? 0,
      window: receiver ? receiver.window(syn ? 0 : receiver.scale) : Math.min(0xffff, place.bufferBytes),
      ...(syn && { mss: this.localMss, windowScale: this.offeredScale }),
    });
    const frame = place.out.start(mac, remote.address, protocols.tcp, header, size, checksumAt);
    if (from) from.addTo(frame);
    if (size > this.remoteMss) {
      frame.gso = gsoType.tcp4;
      frame.gsoSize = this.remoteMss;
    }
    if (place.transmit(frame) !== Sent.full) return true;
    place.blocked(this);
    return false;
  }

  /** The scale is offered in a SYN, and in the answer to one that offered it (RFC 7323, 2.2). */
  private get offeredScale(): number | undefined {
    return this.receiver && this.remoteScale === undefined ? undefined : this.place.windowScale;
  }

  private timedOut(): void {
    if (this.phase === 'timeWait') {
      this.close();
      return;
    }
    if (this.sender) {
      this.sender.timedOut();
      if (this.sender.failures > mostFailures) {
        this.fail('timedOut');
        return;
      }
    } else {
      if (++this.attempts > mostAttempts) {
        this.fail('timedOut');
        return;
      }
      this.handshake.backOff();
      this.synDue = true;
    }
    this.place.wake(this);
  }

  private stopTimer(): void {
    this.deadline = Infinity;
  }

  /** Starts the timer, if it does not run. One that was put off is not made anew, but looks at the time again. */
  private startTimer(milliseconds: number): void {
    if (this.deadline !== Infinity) return;
    this.deadline = this.place.clock.now() + milliseconds;
    if (this.cancelTimer && this.looksAt <= this.deadline) return;
    this.cancelTimer?.();
    this.awaitDeadline(milliseconds);
  }

  private awaitDeadline(milliseconds: number): void {
    this.looksAt = this.deadline;
    this.cancelTimer = this.place.clock.after(Math.ceil(milliseconds), () => {
      this.cancelTimer = undefined;
      if (this.deadline === Infinity) return;
      const left = this.deadline - this.place.clock.now();
      if (left > 0) {
        this.awaitDeadline(left);
      } else {
        this.deadline = Infinity;
        this.timedOut();
      }
    });
  }
}

/** Bytes of payload that fit into a packet with the longest headers. */
const largest = 65_535 - 120;
/** Segments smaller than this are an attack on who has to send them. */
const leastMss = 64;
/** How often a SYN, and anything else, is sent again before the other end is given up. */
const mostAttempts = 4;
const mostFailures = 8;
/** Twice the longest time that a packet lives in a fabric, in milliseconds: it waits no longer than its deadline there. */
const timeWaitMs = 10_000;
