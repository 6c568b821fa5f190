import type { Bell } from '../../../src/fabric/index.js';

/** One end of a channel in this thread, which rings when it is told to; what comes for an end that is closed is lost. */
export class TestBell implements Bell {
  onmessage: ((event: never) => void) | null = null;
  rung = 0;
  closed = false;
  private other!: TestBell;

  static pair(): [TestBell, TestBell] {
    const [one, two] = [new TestBell(), new TestBell()];
    one.other = two;
    two.other = one;
    return [one, two];
  }

  postMessage(): void {
    if (!this.closed && !this.other.closed) this.other.rung++;
  }

  answer(): void {
    while (this.rung > 0) {
      this.rung--;
      this.onmessage?.(undefined as never);
    }
  }

  close(): void {
    this.closed = true;
    this.rung = 0;
  }
}
