import { Frame } from '../net/link/frame.js';

/** Any frame, 64 KiB of a large segment and its headers, fits into as much. */
export const anyFrameBytes = 1 << 17;

/**
 * Copies of frames that wait for a receiver, first come, first served. The bytes lie one after another in a ring that is
 * made when it is first needed and used again ever after; a frame that meets the ring's end is simply two byte ranges.
 *
 * Frames whose senders can't keep them have room of their own besides: those that can be sent again later, which fill the
 * backlog whenever a receiver is slower than its senders, would leave none to them.
 */
export class Backlog {
  /** Frames and bytes that wait now. */
  length = 0;
  bytes = 0;

  private readonly common: Room;
  private readonly reserve: Room;
  private readonly maxFrames: number;
  private readonly maxBytes: number;
  private readonly frames: Frame[] = [];
  /** Which room each frame takes. */
  private readonly rooms: Room[] = [];
  private readonly times: Float64Array;
  private store: Uint8Array | undefined;
  /** The same memory, for short frames. */
  private storeData: DataView | undefined;
  private first = 0;
  private end = 0;

  /** The reserve is for as many frames again, and `anyFrameBytes`. */
  constructor(maxFrames: number, maxBytes: number) {
    this.common = new Room(maxFrames, maxBytes);
    this.reserve = new Room(maxFrames, anyFrameBytes);
    this.maxFrames = this.common.maxFrames + this.reserve.maxFrames;
    this.maxBytes = this.common.maxBytes + this.reserve.maxBytes;
    this.times = new Float64Array(this.maxFrames);
  }

  /**
   * Copies a frame to the end of the queue; false, and nothing happens, where it has no room. `now` is in milliseconds. The
   * sender of a `reserved` one can't keep it.
   */
  push(frame: Frame, now: number, reserved = false): boolean {
    const room = reserved && this.reserve.has(frame.length) ? this.reserve : this.common;
    if (!room.has(frame.length)) return false;
    const store = (this.store ??= new Uint8Array(this.maxBytes));
    const data = (this.storeData ??= new DataView(store.buffer));
    // A queue that is often empty keeps to the same few frames and bytes, which the processor's cache then has.
    if (this.length === 0) this.first = this.end = 0;
    const slot = (this.first + this.length) % this.maxFrames;
    const copy = (this.frames[slot] ??= new Frame()).start(frame.lane).describeAs(frame);
    for (let done = 0; done < frame.length;) {
      const size = Math.min(frame.length - done, this.maxBytes - this.end);
      frame.copy(done, size, store, this.end, data);
      copy.add(store, this.end, size, data);
      this.end = (this.end + size) % this.maxBytes;
      done += size;
    }
    this.times[slot] = now;
    this.rooms[slot] = room;
    room.take(frame.length);
    this.length++;
    this.bytes += frame.length;
    return true;
  }

  /** The frame that waits longest. The caller knows that there is one; its bytes stay until `shift`. */
  get head(): Frame {
    return this.frames[this.first];
  }

  /** When that frame came, in milliseconds. */
  get headTime(): number {
    return this.times[this.first];
  }

  /** Forgets that frame. */
  shift(): void {
    const bytes = this.head.length;
    this.rooms[this.first].free(bytes);
    this.length--;
    this.bytes -= bytes;
    this.first = (this.first + 1) % this.maxFrames;
  }
}

/** A part of a backlog's room. */
class Room {
  frames = 0;
  bytes = 0;
  readonly maxFrames: number;
  readonly maxBytes: number;

  constructor(maxFrames: number, maxBytes: number) {
    this.maxFrames = maxFrames;
    this.maxBytes = maxBytes;
  }

  has(bytes: number): boolean {
    return this.frames < this.maxFrames && this.bytes + bytes <= this.maxBytes;
  }

  take(bytes: number): void {
    this.frames++;
    this.bytes += bytes;
  }

  free(bytes: number): void {
    this.frames--;
    this.bytes -= bytes;
  }
}
