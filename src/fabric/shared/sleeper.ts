/** The word by which a thread tells the others that it sleeps, and has to be woken. */
export type SleepWord = SharedArrayBuffer;

/** What that word says: `sleeping` in the event loop, where a bell wakes; `waiting` at the word itself. */
export const sleepState = { awake: 0, sleeping: 1, waiting: 2 } as const;
type SleepState = (typeof sleepState)[keyof typeof sleepState];

/** A word for a thread that sleeps. */
export function newSleepWord(): SleepWord {
  const memory = new SharedArrayBuffer(64);
  new Int32Array(memory)[0] = sleepState.sleeping;
  return memory;
}

/** A thread as its sleep word has it: this one, or another that is to be woken. */
export class Sleeper {
  private readonly words: Int32Array;

  constructor(word: SleepWord) {
    this.words = new Int32Array(word);
  }

  /** For this thread: what it does now. */
  say(state: SleepState): void {
    Atomics.store(this.words, 0, state);
  }

  /**
   * This thread stands still until another wakes it, but for so many milliseconds at most, and is awake then. Not in a
   * page's own thread, which may not wait.
   * @param look answers whether there is something to do, once the others can see that this thread waits: if so, it does not
   */
  wait(milliseconds: number, look: () => boolean): void {
    this.say(sleepState.waiting);
    if (!look()) Atomics.wait(this.words, 0, sleepState.waiting, milliseconds);
    this.say(sleepState.awake);
  }

  /**
   * For another thread: wakes it if it waits; if it sleeps in its event loop, that is its bell's to do. Answers in which state
   * this found it; only one of several that wake it at once finds another than `awake`.
   */
  wake(): SleepState {
    const { awake, waiting } = sleepState;
    if (Atomics.load(this.words, 0) === awake) return awake;
    const state = Atomics.exchange(this.words, 0, awake) as SleepState;
    if (state === waiting) Atomics.notify(this.words, 0);
    return state;
  }

  /** For another thread, which rings its bell in any case: ends its wait, and leaves it to it to say that it sleeps. */
  rouse(): void {
    const { awake, waiting } = sleepState;
    if (Atomics.compareExchange(this.words, 0, waiting, awake) === waiting) Atomics.notify(this.words, 0);
  }
}
