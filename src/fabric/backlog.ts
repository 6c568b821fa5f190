import { Frame } from '../net/link/frame.js';

/**
 * Copies of frames that wait for a receiver, first come, first served. The bytes lie one after another in a ring that is
 * made when it is first needed and used again ever after; a frame that meets the ring's end is simply two byte ranges.
 */
export class Backlog {
  /** Frames and bytes that wait now. */
  length = 0;
  bytes = 0;

  private readonly maxFrames: number;
  private readonly maxBytes: number;
  private readonly frames: Frame[] = [];
  private readonly times: Float64Array;
  private store: Uint8Array | undefined;
  /** The same memory, for short frames. */
  private storeData: DataView | undefined;
  private first = 0;
  private end = 0;

  constructor(maxFrames: number, maxBytes: number) {
    this.maxFrames = maxFrames;
    this.maxBytes = maxBytes;
    this.times = new Float64Array(maxFrames);
  }

  /** Copies a frame to the end of the queue; false, and nothing happens, where it has no room. `now` is in milliseconds. */
  push(frame: Frame, now: number): boolean {
    if (this.length === this.maxFrames || this.bytes + frame.length > this.maxBytes) return false;
    const store = (this.store ??= new Uint8Array(this.maxBytes));
    const data = (this.storeData ??= new DataView(store.buffer));
    // A queue that is often empty keeps to the same few bytes, which the processor's cache then has.
    if (this.length === 0) this.end = 0;
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
    this.bytes -= this.head.length;
    this.length--;
    this.first = (this.first + 1) % this.maxFrames;
  }
}
