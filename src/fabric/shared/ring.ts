import { Frame } from '../../net/link/frame.js';

/**
 * A ring of frames in memory that two threads share: one writes, one reads. Positions are counts of bytes ever written or
 * read, as unsigned 32-bit numbers, so that neither has to be reset and full differs from empty. Each is written by one side
 * only, with the Atomics of JavaScript, which order all other accesses to the memory around them.
 */
const control = { written: 0, read: 16, writerWaits: 32 } as const;

/** 64 bytes each, so that the two sides do not fight for one line of the processor's cache. */
const controlBytes = 192;

/** Records, and with them positions, are whole units of this many bytes. */
const unit = 8;

/** What of a frame lies in front of its bytes, in words of 32 bits. */
const word = {
  length: 0,
  lane: 1,
  flags: 2,
  gso: 3,
  gsoSize: 4,
  checksumStart: 5,
  checksumOffset: 6,
  outerTransport: 7,
  innerNetwork: 8,
  headerLength: 9,
  flow: 10,
} as const;
/**
 * 4 behind a multiple of 8, as are the bytes behind the packet header in most receive buffers (virtio 5.1.6.1: 12 or 20 bytes):
 * what is as far behind one in both is copied out of shared memory by words, see `copyLong`.
 */
const headerBytes = 52;

const flag = { needsChecksum: 1, gsoEcn: 2, tunnelChecksum: 4, tunnel4: 8, tunnel6: 16 } as const;

/** The least size of a ring, in bytes: it holds three segments of 64 KiB, the longest frames that cards receive. */
export const leastRingBytes = 1 << 18;

/** How much shared memory a ring of `bytes` takes. @throws RangeError unless that is a power of two, 256 KiB to 1 GiB */
export function sharedRingBytes(bytes: number): number {
  if (bytes < leastRingBytes || bytes > 1 << 30 || (bytes & (bytes - 1)) !== 0) {
    throw new RangeError(`A ring has ${bytes} bytes; it must be a power of two from ${leastRingBytes} to ${1 << 30}.`);
  }
  return controlBytes + bytes;
}

/** What both sides know of a ring. */
class RingMemory {
  protected readonly state: Int32Array;
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  protected readonly data: DataView;
  protected readonly size: number;
  protected readonly wordMask: number;
  protected readonly byteMask: number;

  constructor(memory: SharedArrayBuffer, offset: number, size: number) {
    this.state = new Int32Array(memory, offset, controlBytes / 4);
    this.words = new Int32Array(memory, offset + controlBytes, size / 4);
    this.bytes = new Uint8Array(memory, offset + controlBytes, size);
    this.data = new DataView(memory, offset + controlBytes, size);
    this.size = size;
    this.wordMask = size / 4 - 1;
    this.byteMask = size - 1;
  }
}

function recordBytes(length: number): number {
  return (headerBytes + length + unit - 1) & ~(unit - 1);
}

/** The side that puts frames in. */
export class RingWriter extends RingMemory {
  /** The longest frame that it can hold when it is empty, in bytes. */
  readonly longest: number;
  private written = 0;
  /** As far as the reader was seen to be; it may be further. */
  private read = 0;

  constructor(memory: SharedArrayBuffer, offset: number, size: number) {
    super(memory, offset, size);
    this.longest = size - headerBytes;
  }

  /**
   * Copies a frame, no longer than the longest, into the ring. False, and nothing happens, where there is no room; the
   * reader then wakes this side when there is.
   */
  push(frame: Frame): boolean {
    const needed = recordBytes(frame.length);
    if (!this.hasRoom(needed)) {
      Atomics.store(this.state, control.writerWaits, 1);
      // The reader may have made room before it could see that somebody waits.
      if (!this.hasRoom(needed)) return false;
      Atomics.store(this.state, control.writerWaits, 0);
    }
    this.describe(frame);
    this.copy(frame);
    this.written = (this.written + needed) | 0;
    Atomics.store(this.state, control.written, this.written);
    return true;
  }

  /** Whether the reader has yet to make the room that was missing. */
  get waits(): boolean {
    return Atomics.load(this.state, control.writerWaits) !== 0;
  }

  /** How many frames the reader has not taken. */
  get unread(): number {
    const { words, wordMask, written } = this;
    let count = 0;
    for (let at = Atomics.load(this.state, control.read); at !== written; count++) {
      at = (at + recordBytes(words[((at >>> 2) + word.length) & wordMask])) | 0;
    }
    return count;
  }

  private hasRoom(needed: number): boolean {
    if (this.size - ((this.written - this.read) | 0) >= needed) return true;
    this.read = Atomics.load(this.state, control.read);
    return this.size - ((this.written - this.read) | 0) >= needed;
  }

  private describe(frame: Frame): void {
    const { words, wordMask } = this;
    const at = this.written >>> 2;
    words[(at + word.length) & wordMask] = frame.length;
    words[(at + word.lane) & wordMask] = frame.lane;
    words[(at + word.flags) & wordMask] = flagsOf(frame);
    words[(at + word.gso) & wordMask] = frame.gso;
    words[(at + word.gsoSize) & wordMask] = frame.gsoSize;
    words[(at + word.checksumStart) & wordMask] = frame.checksumStart;
    words[(at + word.checksumOffset) & wordMask] = frame.checksumOffset;
    words[(at + word.outerTransport) & wordMask] = frame.outerTransport;
    words[(at + word.innerNetwork) & wordMask] = frame.innerNetwork;
    words[(at + word.headerLength) & wordMask] = frame.headerLength;
    words[(at + word.flow) & wordMask] = frame.flow;
  }

  private copy(frame: Frame): void {
    const start = (this.written + headerBytes) & this.byteMask;
    const first = Math.min(frame.length, this.size - start);
    frame.copy(0, first, this.bytes, start, this.data);
    if (first < frame.length) frame.copy(first, frame.length - first, this.bytes, 0, this.data);
  }
}

/** The side that takes frames out. */
export class RingReader extends RingMemory {
  private read = 0;
  private readonly frame = new Frame();

  /** Whether a frame is there. */
  get ready(): boolean {
    return Atomics.load(this.state, control.written) !== this.read;
  }

  /** The frame that came first, or undefined; its bytes are in the ring until `shift`. */
  head(): Frame | undefined {
    if (!this.ready) return undefined;
    const { words, wordMask, frame } = this;
    const at = this.read >>> 2;
    const length = words[(at + word.length) & wordMask];
    frame.start(words[(at + word.lane) & wordMask]);
    setFlags(frame, words[(at + word.flags) & wordMask]);
    frame.gso = words[(at + word.gso) & wordMask];
    frame.gsoSize = words[(at + word.gsoSize) & wordMask];
    frame.checksumStart = words[(at + word.checksumStart) & wordMask];
    frame.checksumOffset = words[(at + word.checksumOffset) & wordMask];
    frame.outerTransport = words[(at + word.outerTransport) & wordMask];
    frame.innerNetwork = words[(at + word.innerNetwork) & wordMask];
    frame.headerLength = words[(at + word.headerLength) & wordMask];
    frame.flow = words[(at + word.flow) & wordMask];
    const start = (this.read + headerBytes) & this.byteMask;
    const first = Math.min(length, this.size - start);
    return frame.add(this.bytes, start, first, this.data).add(this.bytes, 0, length - first, this.data);
  }

  /** Gives the room of that frame back. Answers whether the writer waits for room, and is now to be told. */
  shift(): boolean {
    this.read = (this.read + recordBytes(this.frame.length)) | 0;
    Atomics.store(this.state, control.read, this.read);
    // A writer that waits is told when half of the ring is free: one wake-up for many frames.
    if (Atomics.load(this.state, control.writerWaits) === 0) return false;
    const filled = (Atomics.load(this.state, control.written) - this.read) | 0;
    if (filled > this.size / 2) return false;
    return Atomics.exchange(this.state, control.writerWaits, 0) !== 0;
  }

  /** Takes all that is there now, for nobody. Answers how many frames that were. */
  clear(): number {
    const end = Atomics.load(this.state, control.written);
    let count = 0;
    for (; this.read !== end; count++) {
      this.head();
      this.shift();
    }
    return count;
  }
}

function flagsOf(frame: Frame): number {
  return (
    (frame.needsChecksum ? flag.needsChecksum : 0) |
    (frame.gsoEcn ? flag.gsoEcn : 0) |
    (frame.tunnelChecksum ? flag.tunnelChecksum : 0) |
    (frame.tunnel === 4 ? flag.tunnel4 : frame.tunnel === 6 ? flag.tunnel6 : 0)
  );
}

function setFlags(frame: Frame, flags: number): void {
  frame.needsChecksum = (flags & flag.needsChecksum) !== 0;
  frame.gsoEcn = (flags & flag.gsoEcn) !== 0;
  frame.tunnelChecksum = (flags & flag.tunnelChecksum) !== 0;
  frame.tunnel = flags & flag.tunnel4 ? 4 : flags & flag.tunnel6 ? 6 : 0;
}
