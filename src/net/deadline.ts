import type { Clock } from '../virtio/clock.js';
import type { TransmitLane } from './transmit.js';

/** Sees to it that no packet is held for longer than the card's deadline while nothing that is held gets through. */
export class HoldDeadline {
  private readonly clock: Clock;
  private readonly milliseconds: number;
  private readonly lanes: readonly (TransmitLane | undefined)[];
  private cancel: (() => void) | undefined;

  constructor(clock: Clock, milliseconds: number, lanes: readonly (TransmitLane | undefined)[]) {
    this.clock = clock;
    this.milliseconds = milliseconds;
    this.lanes = lanes;
  }

  /** Calls `expired`, if nothing else is to be called yet, when the packet that waits longest reaches its deadline. */
  watch(expired: () => void): void {
    if (this.cancel) return;
    let since = Infinity;
    for (const lane of this.lanes) since = Math.min(since, lane?.waitingSince ?? Infinity);
    if (since === Infinity) return;
    // Whole milliseconds: what rounding leaves of one would be waited for again and again.
    const left = Math.ceil(since + this.milliseconds - this.clock.now());
    this.cancel = this.clock.after(Math.max(0, left), () => {
      this.cancel = undefined;
      expired();
    });
  }

  /** Drops the packets that have reached it. */
  expire(): void {
    const now = this.clock.now();
    for (const lane of this.lanes) lane?.expire((since) => since + this.milliseconds <= now);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
