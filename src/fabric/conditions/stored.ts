import { Frame } from '../../net/link/frame.js';
import { wireBytes } from '../../net/link/transport.js';

/** A copy of a frame on its way through a link. */
export class Stored {
  readonly frame = new Frame();
  readonly bytes: Uint8Array;
  lane = 0;
  /** Frames of a way are numbered as they come. */
  number = 0;
  /** What it takes on a wire, in bytes. */
  wire = 0;
  /** When it came, and when it is to come out, in milliseconds. */
  arrived = 0;
  due = 0;
  /** How often it is still to come out. */
  copies = 1;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }
}

const leastBits = 11;

/** How much memory a frame of this length takes in a pool, in bytes. */
export function storedBytes(length: number): number {
  return 1 << bitsFor(length);
}

/** Copies of frames in memory that is used again: of each size that is a power of two as many as were ever there at once. */
export class StoredPool {
  private readonly free: Stored[][] = [];

  take(frame: Frame, lane: number, now: number): Stored {
    const stored = this.sized(frame.length).pop() ?? new Stored(storedBytes(frame.length));
    frame.copy(0, frame.length, stored.bytes, 0);
    stored.frame.start(frame.lane).describeAs(frame).add(stored.bytes, 0, frame.length);
    stored.lane = lane;
    stored.wire = wireBytes(frame);
    stored.arrived = now;
    stored.copies = 1;
    return stored;
  }

  give(stored: Stored): void {
    this.sized(stored.bytes.length).push(stored);
  }

  private sized(length: number): Stored[] {
    return (this.free[bitsFor(length)] ??= []);
  }
}

function bitsFor(length: number): number {
  return Math.max(leastBits, 32 - Math.clz32(length - 1));
}
