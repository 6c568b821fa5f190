import type { Frame } from '../../../net/link/frame.js';

/** Bytes that were not acknowledged yet, sent or not, in a ring. It is made when there are first some. */
export class SendBuffer {
  length = 0;
  private readonly capacity: number;
  private ring: Uint8Array | undefined;
  private first = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Copies as much of it as there is room for; answers how many bytes. */
  write(bytes: Uint8Array): number {
    const ring = (this.ring ??= new Uint8Array(this.capacity));
    const size = Math.min(bytes.length, this.capacity - this.length);
    const at = (this.first + this.length) % this.capacity;
    const straight = Math.min(size, this.capacity - at);
    ring.set(bytes.subarray(0, straight), at);
    ring.set(bytes.subarray(straight, size), 0);
    this.length += size;
    return size;
  }

  /** Adds `length` bytes from `from` on to a frame, which has to be sent at once. */
  addTo(frame: Frame, from: number, length: number): void {
    if (!this.ring || length === 0) return;
    const at = (this.first + from) % this.capacity;
    const straight = Math.min(length, this.capacity - at);
    frame.add(this.ring, at, straight).add(this.ring, 0, length - straight);
  }

  /** Forgets the first bytes: they were acknowledged. */
  drop(bytes: number): void {
    this.length -= bytes;
    // One that is often empty keeps to the same few bytes, which the processor's cache then has.
    this.first = this.length === 0 ? 0 : (this.first + bytes) % this.capacity;
  }

  /** Gives the memory back. */
  release(): void {
    this.ring = undefined;
    this.length = this.first = 0;
  }
}
