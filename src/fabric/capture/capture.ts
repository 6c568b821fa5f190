import { Buffer } from 'buffer/index.js';
import type { Frame } from '../../net/link/frame.js';
import { Sent, type Port } from '../../net/link/port.js';
import type { Clock } from '../../virtio/clock.js';
import { End, putBefore } from '../end.js';
import { commentsOn } from './comments.js';
import { withPatience } from './patience.js';
import { BlockWriter, direction, type Direction } from './pcapng.js';

/** Where a capture goes: a file, a pipe, a list in memory. */
export interface CaptureSink {
  /** Writes all the bytes, which stay as they are until it has. A capture has one write under way at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more comes. A write that is still under way is to be given up. */
  close(): Promise<void>;
}

export interface CaptureOptions {
  clock: Clock;
  /** The time of day now, in milliseconds since 1970; default is the machine's. */
  date?: number;
  /** The most bytes of each frame that are kept, at least 1; default 262,144, which is more than any has. */
  snapLength?: number;
  /** What may wait for the sink while a write is under way, in bytes, at least 524,288; default 4,194,304. It is held twice. */
  bufferBytes?: number;
  /** The program that captures, for the file's readers; default `virtio-mq`. */
  application?: string;
}

export interface TapOptions {
  /** What the file's readers call the port; default is its own name. */
  name?: string;
  /** The address of the card behind it, like 52:54:00:12:34:56, where it is known. */
  mac?: string | undefined;
}

/** The frames of one port. */
export interface CaptureCounters {
  name: string;
  /** Frames that passed, or were dropped. */
  seen: number;
  /** Those of them that the sink has. */
  written: number;
  /** Those of them that are not in the capture, since they could not be written, or not in time. */
  missed: number;
}

interface Interface extends CaptureCounters {
  readonly mac: Uint8Array | undefined;
  /** In the file; undefined until it is described there. */
  id: number | undefined;
  /** Missed since the last that was not. */
  missedSince: number;
  /** Frames in the memory that is being filled, and in that which is being written. */
  waiting: number;
  underWay: number;
}

/**
 * Writes what passes ports as a pcapng file, an interface for each port: `tap` puts something before a port that a card is
 * connected to in its place. Ports without it are not concerned in any way.
 *
 * Directions are the fabric's: inbound is what the card sends. Comments tell of frames that were not delivered and of
 * offloads that are still to be done; the queue of a frame is its lane. A frame that is told `full` is not there until it
 * is sent again.
 *
 * No frame waits for the sink: what it can't write in time is counted as missed, in the file too.
 */
export class Capture {
  /** Why the capture ended early: what the sink's write was rejected with. */
  failure: Error | undefined;

  private readonly sink: CaptureSink;
  private readonly clock: Clock;
  private readonly snapLength: number;
  /** Milliseconds from 1970 to the clock's zero. */
  private readonly epoch: number;
  private readonly startTime: number;
  private readonly interfaces: Interface[] = [];
  private described = 0;
  private filling: BlockWriter;
  private spare: BlockWriter;
  private writing: Promise<void> | undefined;
  private closed = false;

  /** @throws RangeError for an option out of its range */
  constructor(sink: CaptureSink, options: CaptureOptions) {
    const { clock, date = Date.now(), snapLength = 262_144, bufferBytes = 1 << 22 } = options;
    if (!(snapLength >= 1)) throw new RangeError(`snapLength is ${snapLength}; it must be at least 1.`);
    if (!(bufferBytes >= leastBufferBytes)) {
      throw new RangeError(`bufferBytes is ${bufferBytes}; it must be at least ${leastBufferBytes}.`);
    }
    this.sink = sink;
    this.clock = clock;
    this.snapLength = snapLength;
    this.epoch = date - clock.now();
    this.startTime = this.now();
    this.filling = new BlockWriter(bufferBytes);
    this.spare = new BlockWriter(bufferBytes);
    this.filling.section(options.application ?? 'virtio-mq');
    this.writeSoon();
  }

  /** What is to be connected with instead of the port: it does as the port does, and what passes is captured. */
  tap(port: Port, { name = port.name, mac }: TapOptions = {}): Port {
    const bytes = mac === undefined ? undefined : Buffer.from(mac.replaceAll(':', ''), 'hex');
    const nothing = { seen: 0, written: 0, missed: 0, missedSince: 0, waiting: 0, underWay: 0 };
    const seen: Interface = { name, mac: bytes, id: undefined, ...nothing };
    this.interfaces.push(seen);
    this.describe();
    const near = new TapEnd(port.name, this, seen, direction.inbound);
    const far = new TapEnd(`capture of ${port.name}`, this, seen, direction.outbound);
    putBefore(port, near, far);
    return near;
  }

  /** A plain copy of the counters of all ports. */
  counters(): CaptureCounters[] {
    return this.interfaces.map(({ name, seen, written, missed }) => ({ name, seen, written, missed }));
  }

  /**
   * Ends the capture with the statistics of its ports and closes the sink. What the sink has not taken after `patience`
   * milliseconds is missed, and `failure` tells of it.
   */
  async close(patience = 5000): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await withPatience(this.clock, patience, this.finish(), (error) => this.fail(error));
    await this.sink.close();
  }

  /** For the taps: microseconds since 1970. */
  now(): number {
    return Math.floor((this.epoch + this.clock.now()) * 1000);
  }

  /** For the taps: where a record stands that is made now, behind all descriptions. */
  get place(): number {
    this.describe();
    return this.filling.used;
  }

  /** For the taps: a frame, at the place and time at which it was sent. */
  record(
    seen: Interface,
    way: Direction,
    frame: Frame,
    lane: number | undefined,
    sent: Sent,
    place: number,
    time: number,
  ): void {
    const { filling, snapLength } = this;
    seen.seen++;
    if (seen.id === undefined || this.closed || this.failure || !filling.fits(Math.min(frame.length, snapLength))) {
      seen.missed++;
      seen.missedSince++;
      return;
    }
    const comments = commentsOn(frame, way, sent);
    const about = { interfaceId: seen.id, time, snapLength, direction: way, lane, missed: seen.missedSince, comments };
    filling.packet(frame, about);
    seen.missedSince = 0;
    seen.waiting++;
    // What came of the frame was recorded before it was known what became of it.
    filling.moveTo(place);
    this.writeSoon();
  }

  /** Descriptions must stand before the frames that refer to them; interfaces are numbered in their order. */
  private describe(): void {
    const { interfaces, filling, snapLength } = this;
    for (; this.described < interfaces.length && filling.fits(); this.described++) {
      const next = interfaces[this.described];
      next.id = this.described;
      const description = 'A port of the fabric; inbound is what its card sends.';
      filling.interface({ name: next.name, description, mac: next.mac, snapLength });
      this.writeSoon();
    }
  }

  /** When what is under way now is done: a burst is one write. */
  private writeSoon(): void {
    this.writing ??= Promise.resolve().then(() => this.writeAll());
  }

  private async writeAll(): Promise<void> {
    try {
      while (this.filling.used > 0 && !this.failure) {
        [this.filling, this.spare] = [this.spare, this.filling];
        for (const each of this.interfaces) [each.underWay, each.waiting] = [each.waiting, 0];
        await this.sink.write(this.spare.written);
        this.spare.used = 0;
        for (const each of this.interfaces) {
          each.written += each.underWay;
          each.underWay = 0;
        }
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.writing = undefined;
    }
  }

  /** Whatever the sink does not have is missed. */
  private fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    for (const each of this.interfaces) {
      each.missed += each.waiting + each.underWay;
      each.waiting = each.underWay = 0;
    }
  }

  private async finish(): Promise<void> {
    const endTime = this.now();
    await this.writing;
    this.describe();
    for (const { id, seen, missed } of this.interfaces) {
      if (id === undefined) continue;
      if (!this.filling.fits()) {
        this.writeSoon();
        await this.writing;
      }
      this.filling.statistics({ interfaceId: id, startTime: this.startTime, endTime, seen, missed });
    }
    this.writeSoon();
    await this.writing;
  }
}

/** Room for any frame, and some descriptions. */
const leastBufferBytes = 1 << 19;

/** Records what comes in at it, when it is known what became of it. */
class TapEnd extends End {
  private readonly capture: Capture;
  private readonly seen: Interface;
  private readonly way: Direction;

  constructor(name: string, capture: Capture, seen: Interface, way: Direction) {
    super(name);
    this.capture = capture;
    this.seen = seen;
    this.way = way;
  }

  override noteLoss(frame: Frame): void {
    const { capture } = this;
    capture.record(this.seen, direction.outbound, frame, undefined, Sent.dropped, capture.place, capture.now());
    super.noteLoss(frame);
  }

  override send(frame: Frame, lane: number): Sent {
    const { capture } = this;
    const time = capture.now();
    const { place } = capture;
    const sent = super.send(frame, lane);
    if (sent !== Sent.full) capture.record(this.seen, this.way, frame, lane, sent, place, time);
    return sent;
  }
}
