import type { CaptureSink } from '../fabric/index.js';

/** A sink that gets nothing before it is known that there will be something to capture: see `begin`. */
export class LateSink implements CaptureSink {
  private readonly sink: CaptureSink;
  private readonly begun: Promise<void>;
  private settle!: { readonly begin: () => void; readonly fail: (error: Error) => void };

  constructor(sink: CaptureSink) {
    this.sink = sink;
    this.begun = new Promise<void>((begin, fail) => (this.settle = { begin, fail }));
    // Whoever writes is told.
    this.begun.catch(() => undefined);
  }

  /** What was written by now goes to the sink, and so does what comes. */
  begin(): void {
    this.settle.begin();
  }

  /** Where it has not begun it never will: writes fail. */
  giveUp(): void {
    this.settle.fail(new Error('there was nothing to capture'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.begun;
    await this.sink.write(bytes);
  }

  close(): Promise<void> {
    return this.sink.close();
  }
}
