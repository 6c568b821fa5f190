import type { CaptureSink } from './capture.js';

/** Where a capture goes that somebody else fetches, such as another thread: what it writes stays here until it is taken. */
export class CaptureOutbox implements CaptureSink {
  private readonly onReady: () => void;
  private waiting: { readonly bytes: Uint8Array; readonly taken: () => void; readonly done: Promise<void> } | undefined;

  /** @param onReady called when there is something to take */
  constructor(onReady: () => void) {
    this.onReady = onReady;
  }

  write(bytes: Uint8Array): Promise<void> {
    let taken: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (taken = resolve));
    this.waiting = { bytes, taken, done };
    this.onReady();
    return done;
  }

  close(): Promise<void> {
    this.waiting = undefined;
    return Promise.resolve();
  }

  /** All that was captured by now, in memory of its own: whole blocks, which go on from where the last ones ended. */
  async take(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    while (this.waiting) {
      const { bytes, taken, done } = this.waiting;
      pieces.push(bytes.slice());
      this.waiting = undefined;
      taken();
      // The capture waits for this too, and did so first: by now it has written what came since.
      await done;
    }
    return pieces.length === 1 ? pieces[0] : joined(pieces);
  }
}

/** Pieces one behind the other. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
