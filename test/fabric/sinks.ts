import type { CaptureSink } from '../../src/fabric/index.js';

/** A sink in memory, which a test may hold up, or break. */
export class TestSink implements CaptureSink {
  readonly chunks: Uint8Array[] = [];
  closed = false;
  /** While this is set, writes wait. */
  stuck = false;
  broken: Error | undefined;
  private go: () => void = () => undefined;

  async write(bytes: Uint8Array): Promise<void> {
    if (this.stuck) await new Promise<void>((resolve) => (this.go = resolve));
    if (this.broken) throw this.broken;
    this.chunks.push(bytes.slice());
  }

  /** Writes that wait go on. */
  release(): void {
    this.stuck = false;
    this.go();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  get file(): Uint8Array {
    return Buffer.concat(this.chunks);
  }
}
