import type { Clock } from '../virtio/clock.js';
import type { TransmitLane } from './transmit.js';

/** Sees to it that no packet is held for longer than the card's deadline while nothing that is held gets through. */
export class HoldDeadline {
  private readonly clock: Clock;
  private readonly milliseconds: number;
  private readonly lanes: readonly (TransmitLane | undefined)[];
  private readonly expired: () => void;
  private cancel: (() => void) | undefined;

  /** @param expired called when the packet that waits longest has reached its deadline */
  constructor(clock: Clock, milliseconds: number, lanes: readonly (TransmitLane | undefined)[], expired: () => void) {
    this.clock = clock;
    this.milliseconds = milliseconds;
    this.lanes = lanes;
    this.expired = expired;
  }

  /** Sees to it that `expired` is called, if nothing else is to be called yet. */
  watch(): void {
    if (this.cancel) return;
    let since = Infinity;
    for (const lane of this.lanes) {
      const waiting = lane?.waitingSince;
      if (waiting !== undefined && waiting < since) since = waiting;
    }
    if (since === Infinity) return;
    // Whole milliseconds: what rounding leaves of one would be waited for again and again.
    const left = Math.ceil(since + this.milliseconds - this.clock.now());
    this.cancel = this.clock.after(Math.max(0, left), () => {
      this.cancel = undefined;
      this.expired();
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
