import { newSleepWord, type Bell, type SleepWord } from '../fabric/index.js';

/** A thread that works as long as there is something to do, and then waits at a word of shared memory. */
export class Sleeper {
  readonly word: SleepWord;
  private readonly words: Int32Array;

  constructor(word: SleepWord = newSleepWord()) {
    this.word = word;
    this.words = new Int32Array(word);
  }

  /**
   * Waits until somebody wakes this thread, which has said before that it sleeps, or for so many milliseconds. Only for
   * threads that may wait: not that of a web page.
   */
  wait(milliseconds: number): void {
    Atomics.wait(this.words, 0, 1, milliseconds);
  }

  /** Wakes the thread, if it says that it sleeps. */
  wake(): void {
    if (Atomics.load(this.words, 0) === 0 || Atomics.exchange(this.words, 0, 0) === 0) return;
    Atomics.notify(this.words, 0);
  }
}

/** The bell of a thread that waits as `Sleeper` does; whoever rings it has taken back already that it sleeps. */
export function waitingBell(word: SleepWord): Bell {
  const words = new Int32Array(word);
  return { postMessage: () => void Atomics.notify(words, 0), onmessage: null, close: () => undefined };
}
