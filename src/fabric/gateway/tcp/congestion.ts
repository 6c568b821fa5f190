import { isAfter, offset } from './sequence.js';

/** Segments that are sent before the first acknowledgement (RFC 6928). */
const initialSegments = 10;
/** Acknowledgements of the same byte that say that the segment behind it is lost (RFC 5681, 3.2). */
const enoughDuplicates = 3;

/** How much may be under way: slow start, congestion avoidance and fast recovery (RFC 5681, RFC 6582). */
export class Congestion {
  /** In bytes. */
  window: number;
  private threshold = Infinity;
  private readonly mss: number;
  private duplicates = 0;
  private recovering = false;
  /** What was sent last when a loss was last noticed: until it is acknowledged, that is the same loss. */
  private recover: number;
  private readonly most: number;

  /** @param most the window is no larger than this, as no more can be under way */
  constructor(mss: number, initialSequence: number, most: number) {
    this.mss = mss;
    this.window = initialSegments * mss;
    this.recover = initialSequence;
    this.most = most;
  }

  /** New bytes were acknowledged, up to `acknowledgement`. Answers whether the segment behind them is lost too. */
  acknowledged(bytes: number, acknowledgement: number, flight: number): boolean {
    this.duplicates = 0;
    if (this.recovering) {
      if (offset(this.recover, acknowledgement) >= 0) {
        this.recovering = false;
        this.window = Math.min(this.threshold, Math.max(flight, this.mss) + this.mss);
        return false;
      }
      this.window = Math.max(this.mss, this.window - bytes + (bytes >= this.mss ? this.mss : 0));
      return true;
    }
    // One acknowledgement may be of many segments, so bytes are counted (RFC 3465).
    const growth = this.window < this.threshold ? bytes : Math.max(1, (this.mss * bytes) / this.window);
    this.window = Math.min(this.most, this.window + growth);
    return false;
  }

  /** The same byte was acknowledged again. Answers whether the segment behind it is to be sent again. */
  duplicate(acknowledgement: number, highest: number, flight: number): boolean {
    if (this.recovering) {
      this.window = Math.min(this.most, this.window + this.mss);
      return false;
    }
    this.duplicates++;
    if (this.duplicates < enoughDuplicates || !isAfter(acknowledgement, this.recover)) return false;
    this.threshold = Math.max(flight / 2, 2 * this.mss);
    this.window = this.threshold + enoughDuplicates * this.mss;
    this.recover = highest;
    this.recovering = true;
    return true;
  }

  /** Nothing was acknowledged for too long. */
  timedOut(highest: number, flight: number): void {
    this.threshold = Math.max(flight / 2, 2 * this.mss);
    this.window = this.mss;
    this.recover = highest;
    this.recovering = false;
    this.duplicates = 0;
  }
}
