import { Buffer } from 'buffer/index.js';

import type { Sleeper } from '../fabric/index.js';

/** Asks a thread that serves queues to do something, and waits until it has. */
export type Call = (method: string, args: readonly unknown[]) => unknown;

/** A thread that serves queues ended by an error, or does not answer: it serves nothing any more. */
export class ThreadFailure extends Error {
  override readonly name = 'ThreadFailure';

  /** @param did what it did */
  constructor(did: string, options?: ErrorOptions) {
    super(`A thread that serves queues ${did}.`, options);
  }
}

/** Words of the mailbox: who is to move, and the lengths of its two texts. */
const word = { turn: 0, said: 1, lastWords: 2 } as const;
const turn = { free: 0, request: 1, reply: 2, dead: 3 } as const;
const headBytes = 64;

/** Room for whatever a card of the largest size has to say; memory that is not written takes no room. */
const saidBytes = 1 << 24;

/** Room for why a thread died: apart, as the other one may be writing what it asks. */
const lastWordsBytes = 1 << 12;

/** How long an answer may take, in milliseconds: far longer than any takes in a thread that lives. */
const patience = 30_000;

export function newMailbox(): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + saidBytes + lastWordsBytes);
}

/** One end of a mailbox between two threads, in which plain values go as JSON. */
class Mailbox {
  protected readonly words: Int32Array;
  private readonly memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, headBytes / 4);
  }

  protected write(which: 'said' | 'lastWords', value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    const bytes = this.text(which);
    if (text.length > bytes.length) throw new RangeError(`a message of ${text.length} bytes does not fit the mailbox`);
    bytes.set(text);
    this.words[word[which]] = text.length;
  }

  protected read(which: 'said' | 'lastWords'): unknown {
    return JSON.parse(Buffer.from(this.text(which).slice(0, this.words[word[which]])).toString());
  }

  private text(which: 'said' | 'lastWords'): Uint8Array {
    return which === 'said'
      ? new Uint8Array(this.memory, headBytes, saidBytes)
      : new Uint8Array(this.memory, headBytes + saidBytes, lastWordsBytes);
  }
}

/** The end of the thread that asks. It waits for answers, and so has to be one that may: not that of a web page. */
export class Caller extends Mailbox {
  /** Why the other thread answers no more; whoever hears of that elsewhere says so here. */
  failure: ThreadFailure | undefined;
  private readonly other: Sleeper;

  constructor(memory: SharedArrayBuffer, other: Sleeper) {
    super(memory);
    this.other = other;
  }

  /** @throws ThreadFailure when the other thread does not answer, and from then on at once */
  call(method: string, args: readonly unknown[]): unknown {
    if (this.failure) throw this.failure;
    this.write('said', [method, args]);
    Atomics.compareExchange(this.words, word.turn, turn.free, turn.request);
    this.other.wake();
    // More than once: the other thread's notification of the answer before may come late.
    while (Atomics.load(this.words, word.turn) === turn.request) {
      if (Atomics.wait(this.words, word.turn, turn.request, patience) !== 'timed-out') continue;
      throw (this.failure = new ThreadFailure(`gave no answer to ${method} within ${patience / 1000} s`));
    }
    if (Atomics.load(this.words, word.turn) === turn.dead) {
      throw (this.failure = new ThreadFailure(`failed: ${String(this.read('lastWords'))}`));
    }
    const reply = this.read('said');
    // Unless it died since.
    Atomics.compareExchange(this.words, word.turn, turn.reply, turn.free);
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
    const [method, args] = this.read('said') as [string, unknown[]];
    this.write('said', call(method, args));
    Atomics.store(this.words, word.turn, turn.reply);
    Atomics.notify(this.words, word.turn);
    return true;
  }

  /** This thread ends by an error. Whoever waits for an answer stands still, and hears of it only here. */
  die(error: unknown): void {
    // As JSON a character takes six bytes at most.
    this.write('lastWords', messageOf(error).slice(0, lastWordsBytes / 8));
    Atomics.store(this.words, word.turn, turn.dead);
    Atomics.notify(this.words, word.turn);
  }
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
