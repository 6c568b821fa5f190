import { Buffer } from 'buffer/index.js';

import type { Sleeper } from '../fabric/index.js';

/** Asks a thread that serves queues to do something, and waits until it has. */
export type Call = (method: string, args: readonly unknown[]) => unknown;

/** Words of the mailbox: who is to move, and the length of what was said. */
const word = { turn: 0, length: 1 } as const;
const turn = { free: 0, request: 1, reply: 2 } as const;
const headBytes = 64;

/** Room for whatever a card of the largest size has to say; memory that is not written takes no room. */
const textBytes = 1 << 24;

/** How long an answer may take, in milliseconds: far longer than any takes in a thread that lives. */
const patience = 30_000;

export function newMailbox(): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + textBytes);
}

/** One end of a mailbox between two threads, in which plain values go as JSON. */
class Mailbox {
  protected readonly words: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, headBytes / 4);
    this.bytes = new Uint8Array(memory, headBytes);
  }

  protected write(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    if (text.length > textBytes) throw new RangeError(`a message of ${text.length} bytes does not fit the mailbox`);
    this.bytes.set(text);
    this.words[word.length] = text.length;
  }

  protected read(): unknown {
    return JSON.parse(Buffer.from(this.bytes.slice(0, this.words[word.length])).toString());
  }
}

/** The end of the thread that asks. It waits for answers, and so has to be one that may: not that of a web page. */
export class Caller extends Mailbox {
  private readonly other: Sleeper;

  constructor(memory: SharedArrayBuffer, other: Sleeper) {
    super(memory);
    this.other = other;
  }

  /** @throws Error when the other thread does not answer */
  call(method: string, args: readonly unknown[]): unknown {
    this.write([method, args]);
    Atomics.store(this.words, word.turn, turn.request);
    this.other.wake();
    if (Atomics.wait(this.words, word.turn, turn.request, patience) === 'timed-out') {
      throw new Error(`The thread that serves queues gave no answer to ${method} within ${patience / 1000} s.`);
    }
    const reply = this.read();
    Atomics.store(this.words, word.turn, turn.free);
    return reply;
  }
}

/** The end of the thread that answers. */
export class Answerer extends Mailbox {
  get waiting(): boolean {
    return Atomics.load(this.words, word.turn) === turn.request;
  }

  /** Answers what was asked, if anything was. */
  answer(call: Call): boolean {
    if (!this.waiting) return false;
    const [method, args] = this.read() as [string, unknown[]];
    this.write(call(method, args));
    Atomics.store(this.words, word.turn, turn.reply);
    Atomics.notify(this.words, word.turn);
    return true;
  }
}
