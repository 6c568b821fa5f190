import type { Frame } from '../../../net/link/frame.js';

/** What came out of its order and waits for what belongs before it, counted from the byte that is expected next. */
interface Range {
  from: number;
  to: number;
}

/** More pieces than these do not wait; what is not kept is sent again. */
const mostRanges = 64;

/** Bytes that were received and not read yet, in a ring, with room for those that are still missing between them. */
export class ReceiveBuffer {
  /** Bytes that can be read. */
  available = 0;
  private readonly capacity: number;
  private ring: Uint8Array | undefined;
  private first = 0;
  private ranges: Range[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** How many bytes from the next one on there is room for. */
  get window(): number {
    return this.capacity - this.available;
  }

  /**
   * Takes `length` bytes of a frame from `from` on, which stand `at` bytes behind the one that is expected next; they fit
   * into the window. Answers how many more can be read now.
   */
  put(at: number, frame: Frame, from: number, length: number): number {
    if (length === 0 || (at > 0 && !this.note(at, at + length))) return 0;
    this.copy(frame, from, length, (this.first + this.available + at) % this.capacity);
    if (at > 0) return 0;
    let grown = length;
    while (this.ranges.length > 0 && this.ranges[0].from <= grown) grown = Math.max(grown, this.ranges.shift()!.to);
    for (const range of this.ranges) {
      range.from -= grown;
      range.to -= grown;
    }
    this.available += grown;
    return grown;
  }

  /** Takes up to `most` bytes out; undefined where there are none. */
  read(most: number): Uint8Array | undefined {
    const { ring, first } = this;
    const size = Math.min(most, this.available);
    if (!ring || size === 0) return undefined;
    const bytes = new Uint8Array(size);
    const straight = Math.min(size, this.capacity - first);
    bytes.set(ring.subarray(first, first + straight));
    bytes.set(ring.subarray(0, size - straight), straight);
    this.available -= size;
    this.first = (first + size) % this.capacity;
    return bytes;
  }

  /** Gives the memory back. */
  release(): void {
    this.ring = undefined;
    this.ranges = [];
    this.available = this.first = 0;
  }

  private copy(frame: Frame, from: number, length: number, at: number): void {
    const ring = (this.ring ??= new Uint8Array(this.capacity));
    const straight = Math.min(length, this.capacity - at);
    frame.copy(from, straight, ring, at);
    frame.copy(from + straight, length - straight, ring, 0);
  }

  /** Notes a piece, joined with those that it touches; false where there are too many. */
  private note(from: number, to: number): boolean {
    const apart = this.ranges.filter((range) => range.to < from || range.from > to);
    if (apart.length >= mostRanges) return false;
    const touched = this.ranges.filter((range) => !apart.includes(range));
    const joined = {
      from: Math.min(from, ...touched.map((range) => range.from)),
      to: Math.max(to, ...touched.map((range) => range.to)),
    };
    this.ranges = [...apart, joined].sort((a, b) => a.from - b.from);
    return true;
  }
}
