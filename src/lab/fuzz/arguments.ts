/** The bytes of a step, taken one after the other. When there are none left, they are 0. */
export class Arguments {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    return this.at < this.bytes.length ? this.bytes[this.at++] : 0;
  }

  /** From 0 to count - 1. */
  below(count: number): number {
    return this.byte() % count;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  word(): number {
    return this.byte() | (this.byte() << 8);
  }

  long(): number {
    return (this.word() | (this.word() << 16)) >>> 0;
  }
}
