import { RegisterBlock, type Register } from '../virtio/registers.js';
import { wholeNumber } from '../virtio/wholeNumber.js';

/** Where a table entry's registers stand among its four (PCI 3.0, 6.8.2.6 to 6.8.2.9). */
const field = { addressLow: 0, addressHigh: 1, data: 2, control: 3 } as const;
const fieldsPerVector = 4;
const bytesPerVector = 16;
const vectorMasked = 1;
/** Table Size has 11 bits (6.8.2.3). */
const mostVectors = 2048;

export interface MsixState {
  table: number[];
  pending: number[];
  fired: number[];
}

/** MSI-X: the vector table, the pending bits, and who may be interrupted when (PCI 3.0, 6.8.2 and 6.8.3). */
export class Msix {
  readonly vectors: number;
  /** The table, as it lies behind its BAR. */
  readonly table: RegisterBlock;
  /** The pending bit array, as it lies behind its BAR. */
  readonly pendingBits: RegisterBlock;
  /** How many messages each vector has sent. */
  readonly fired: number[];
  /** Told when an answer of `message` may have changed. */
  onChange: () => void = () => undefined;
  private readonly pending: Uint32Array;
  private readonly send: (address: number, data: number) => void;
  private enabledNow = false;
  private functionMask = false;

  /**
   * @param vectors number of table entries, 0 to 2048; throws a RangeError for any other number
   * @param send sends the message that a vector's entry holds
   */
  constructor(vectors: number, send: (address: number, data: number) => void) {
    this.vectors = wholeNumber('vectors', vectors, { least: 0, most: mostVectors }, (text) => new RangeError(text));
    this.send = send;
    this.fired = new Array<number>(vectors).fill(0);
    this.table = new RegisterBlock(
      vectors * bytesPerVector,
      Array.from({ length: vectors }, (_, vector) => this.entry(vector)).flat(),
    );
    this.pending = new Uint32Array(Math.ceil(vectors / 32));
    this.pendingBits = new RegisterBlock(
      pendingBytes(vectors),
      Array.from(this.pending, (_, word) => ({
        name: `pending.${word}`,
        offset: 4 * word,
        width: 4 as const,
        read: () => this.pending[word],
      })),
    );
  }

  get enabled(): boolean {
    return this.enabledNow;
  }

  /** The two bits of the capability's message control that matter. */
  control(enabled: boolean, functionMask: boolean): void {
    this.enabledNow = enabled;
    this.functionMask = functionMask;
    this.changed();
  }

  /** Sends the vector's message, or keeps it pending while the vector or the function is masked. */
  fire(vector: number): void {
    if (!this.enabledNow || vector >= this.vectors) return;
    if (this.masked(vector)) this.pending[vector >>> 5] |= 1 << (vector & 31);
    else this.deliver(vector);
  }

  /** The message that the vector sends when it fires; undefined while it sends none. */
  message(vector: number): { address: number; data: number } | undefined {
    if (!this.enabledNow || vector >= this.vectors || this.masked(vector)) return undefined;
    return { address: this.address(vector), data: this.register(vector, field.data) };
  }

  /** Forgets what is pending: what caused it is gone (6.8.3.5). */
  clearPending(): void {
    this.pending.fill(0);
  }

  reset(): void {
    this.table.reset();
    this.clearPending();
    this.enabledNow = this.functionMask = false;
  }

  save(): MsixState {
    return { table: this.table.save(), pending: Array.from(this.pending), fired: [...this.fired] };
  }

  restore(state: MsixState): void {
    this.table.restore(state.table);
    this.pending.set(state.pending);
    state.fired.forEach((count, vector) => (this.fired[vector] = count));
  }

  private entry(vector: number): Register[] {
    const offset = vector * bytesPerVector;
    const write = (): void => this.changed();
    return [
      { name: `vector.${vector}.addressLow`, offset, width: 4, mask: 0xfffffffc, write },
      { name: `vector.${vector}.addressHigh`, offset: offset + 4, width: 4, mask: 0xffffffff, write },
      { name: `vector.${vector}.data`, offset: offset + 8, width: 4, mask: 0xffffffff, write },
      { name: `vector.${vector}.control`, offset: offset + 12, width: 4, mask: 1, reset: vectorMasked, write },
    ];
  }

  private changed(): void {
    this.onChange();
    this.sendPending();
  }

  private sendPending(): void {
    if (!this.enabledNow || this.functionMask) return;
    this.pending.forEach((bits, word) => {
      for (let rest = bits; rest !== 0; rest &= rest - 1) {
        const bit = 31 - Math.clz32(rest & -rest);
        const vector = 32 * word + bit;
        if (this.masked(vector)) continue;
        this.pending[word] &= ~(1 << bit);
        this.deliver(vector);
      }
    });
  }

  private masked(vector: number): boolean {
    return this.functionMask || (this.register(vector, field.control) & vectorMasked) !== 0;
  }

  private deliver(vector: number): void {
    this.fired[vector]++;
    this.send(this.address(vector), this.register(vector, field.data));
  }

  private address(vector: number): number {
    const high = this.register(vector, field.addressHigh);
    const low = this.register(vector, field.addressLow);
    // Nearly always, and then it is a number that engines keep without an object.
    return high === 0 ? low : high * 2 ** 32 + low;
  }

  private register(vector: number, which: number): number {
    return this.table.at(vector * fieldsPerVector + which);
  }
}

/** Size of the pending bit array of that many vectors: whole 64-bit words (6.8.2.5). */
export function pendingBytes(vectors: number): number {
  return 8 * Math.ceil(vectors / 64);
}
