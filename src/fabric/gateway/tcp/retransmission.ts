/** In milliseconds: at first, at least and at most (RFC 6298, 2). Guests are often slow, and links lose nothing by default. */
const initial = 1000;
const least = 1000;
const most = 60_000;

/** How long to wait for an acknowledgement before something is sent again (RFC 6298). */
export class RetransmissionTimeout {
  /** In milliseconds. */
  value = initial;
  private smoothed: number | undefined;
  private variation = 0;

  /** A round trip took so long, in milliseconds; of what was sent twice none is known (3: Karn's algorithm). */
  measured(roundTrip: number): void {
    if (this.smoothed === undefined) {
      this.smoothed = roundTrip;
      this.variation = roundTrip / 2;
    } else {
      this.variation += (Math.abs(this.smoothed - roundTrip) - this.variation) / 4;
      this.smoothed += (roundTrip - this.smoothed) / 8;
    }
    this.restart();
  }

  /** What was waited for longer and longer, came; it says nothing of the round trip. */
  restart(): void {
    const value = this.smoothed === undefined ? initial : this.smoothed + 4 * this.variation;
    this.value = Math.min(most, Math.max(least, value));
  }

  /** Nothing came in that time (5.5). */
  backOff(): void {
    this.value = Math.min(most, 2 * this.value);
  }
}
