/** Time as the device sees it; injected, so that tests are exact. */
export interface Clock {
  /** Milliseconds since any fixed point. */
  now(): number;
  /** Calls `then` once, after at least `milliseconds`; the answer cancels that. */
  after(milliseconds: number, then: () => void): () => void;
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  private time = 0;
  private waiting: { at: number; then: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(milliseconds: number, then: () => void): () => void {
    const entry = { at: this.time + milliseconds, then };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((other) => other !== entry);
    };
  }

  /** Lets `milliseconds` pass, and what is due in them happen in its order. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const due = this.waiting
        .filter((entry) => entry.at <= end)
        .sort((a, b) => a.at - b.at)
        .at(0);
      if (!due) break;
      this.waiting = this.waiting.filter((entry) => entry !== due);
      this.time = due.at;
      due.then();
    }
    this.time = end;
  }
}
