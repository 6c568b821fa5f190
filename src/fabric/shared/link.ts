import { RingReader, RingWriter, sharedRingBytes } from './ring.js';
import type { SleepWord } from './sleeper.js';

/** A MessagePort, as Node and browsers have it: what wakes a thread that sleeps in its event loop. */
export interface Bell {
  postMessage(message: unknown): void;
  onmessage: ((event: never) => void) | null;
  close(): void;
}

export interface LinkOptions {
  /** Rings in each direction, 1 to 256: frames of one lane of the sender stay in one of them. */
  readonly lanes: number;
  /** Of each ring, in bytes: a power of two, at least 256 KiB. */
  readonly ringBytes: number;
}

/** One end of a link between two threads, to be sent to the one it is for; `bell` has to be transferred. */
export interface LinkEnd extends LinkOptions {
  readonly memory: SharedArrayBuffer;
  /** Which of the two. */
  readonly side: 0 | 1;
  /** This thread's, and that of the thread at the other end. */
  readonly asleep: SleepWord;
  readonly otherAsleep: SleepWord;
  readonly bell: Bell;
}

/** Words at the start of the memory: whether each end is closed, 64 bytes apart. */
const closedWord = [0, 16] as const;
const headBytes = 128;

/**
 * A link between two threads, as the ends for both.
 * @param bells the two ends of a MessageChannel
 * @throws RangeError for a number of lanes or a size that can't be
 */
export function sharedLink(
  options: LinkOptions,
  [a, b]: readonly [SleepWord, SleepWord],
  bells: readonly [Bell, Bell],
): [LinkEnd, LinkEnd] {
  const { lanes, ringBytes } = options;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 256) {
    throw new RangeError(`A link has ${lanes} lanes; it must be a whole number from 1 to 256.`);
  }
  const memory = new SharedArrayBuffer(headBytes + 2 * lanes * sharedRingBytes(ringBytes));
  return [
    { memory, lanes, ringBytes, side: 0, asleep: a, otherAsleep: b, bell: bells[0] },
    { memory, lanes, ringBytes, side: 1, asleep: b, otherAsleep: a, bell: bells[1] },
  ];
}

/** The rings of an end, by lane, and whether the ends are closed. */
export class LinkMemory {
  readonly writers: readonly RingWriter[];
  readonly readers: readonly RingReader[];
  private readonly state: Int32Array;
  private readonly side: 0 | 1;

  constructor({ memory, lanes, ringBytes, side }: LinkEnd) {
    const each = sharedRingBytes(ringBytes);
    const at = (direction: number, lane: number): number => headBytes + (direction * lanes + lane) * each;
    const all = Array.from({ length: lanes }, (_, lane) => lane);
    this.writers = all.map((lane) => new RingWriter(memory, at(side, lane), ringBytes));
    this.readers = all.map((lane) => new RingReader(memory, at(1 - side, lane), ringBytes));
    this.state = new Int32Array(memory, 0, headBytes / 4);
    this.side = side;
  }

  close(): void {
    Atomics.store(this.state, closedWord[this.side], 1);
  }

  /** For the other end, whose thread broke before it could. */
  closeOther(): void {
    Atomics.store(this.state, closedWord[1 - this.side], 1);
  }

  get otherClosed(): boolean {
    return Atomics.load(this.state, closedWord[1 - this.side]) !== 0;
  }
}
