import type { Clock } from '../../virtio/clock.js';

export interface ReconnectOptions {
  /** How long to wait after the first failure, in milliseconds; default 250. Each wait is twice the one before. */
  firstDelay?: number | undefined;
  /** The longest wait, in milliseconds; default 10,000. */
  longestDelay?: number | undefined;
}

/** Tries again and again to connect, after waits that grow. A connection that lasted makes them short again. */
export class Reconnect {
  private readonly clock: Clock;
  private readonly attempt: () => void;
  private readonly first: number;
  private readonly longest: number;
  private delay: number;
  private since: number | undefined;
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(clock: Clock, attempt: () => void, options: ReconnectOptions = {}) {
    this.clock = clock;
    this.attempt = attempt;
    this.first = options.firstDelay ?? 250;
    this.longest = options.longestDelay ?? 10_000;
    this.delay = this.first;
  }

  /** The connection stands. */
  opened(): void {
    this.since = this.clock.now();
  }

  /** The connection ended, or there never was one. Answers in how many milliseconds the next attempt is made. */
  failed(): number {
    if (this.stopped) return Infinity;
    // One that ends at once is as good as none, or a server that refuses us would be asked for ever without a pause.
    const lasted = this.since !== undefined && this.clock.now() - this.since >= this.longest;
    this.since = undefined;
    if (lasted) this.delay = this.first;
    const { delay } = this;
    this.delay = Math.min(2 * delay, this.longest);
    this.cancel?.();
    this.cancel = this.clock.after(delay, this.attempt);
    return delay;
  }

  /** No more attempts. */
  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }
}
