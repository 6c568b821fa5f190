import type { Clock } from '../virtio/clock.js';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** The clock of a thread without an event loop, which looks at it between two pieces of its work. */
export class LoopClock implements Clock {
  readonly now: () => number;
  /** By time. */
  private timers: Timer[] = [];

  /** @param now a clock in milliseconds that never goes back */
  constructor(now: () => number) {
    this.now = now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.now() + milliseconds, run };
    const behind = this.timers.findIndex(({ at }) => at > timer.at);
    this.timers.splice(behind < 0 ? this.timers.length : behind, 0, timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Milliseconds until something is to be done; Infinity where nothing is. */
  get left(): number {
    return this.timers.length > 0 ? Math.max(0, this.timers[0].at - this.now()) : Infinity;
  }

  /** Does what is due. Answers whether there was something. */
  work(): boolean {
    if (this.timers.length === 0 || this.left > 0) return false;
    this.timers.shift()!.run();
    return true;
  }
}
