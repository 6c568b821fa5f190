/** The widths of a register access, in bytes. */
export type AccessWidth = 1 | 2 | 4;

/** One row of a register block's table. Everything the block does with the register is in its row. */
export interface Register {
  readonly name: string;
  /** From the start of the block, in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly width: AccessWidth;
  /** Bits that a write changes; 0 or nothing: read-only. */
  readonly mask?: number;
  readonly reset?: number;
  /** What a read finds, where that is not what was last written. Called once an access. */
  readonly read?: () => number;
  /** Told the register's whole new value after a write that reached one of its bytes. */
  readonly write?: (value: number) => void;
}

/**
 * A block of registers that can be read and written in any width at any offset: an access may cover part of a register
 * or several of them. Bytes that belong to no register read as zero and ignore writes. A write to part of a register
 * keeps the other bytes as they were last written, so that a write which an emulator splits ends as the whole one would.
 */
export class RegisterBlock {
  readonly size: number;
  readonly registers: readonly Register[];
  private readonly values: Uint32Array;
  /** For each byte of the block the number of its register, or -1. */
  private readonly registerAt: Int16Array;
  /** By name. */
  private readonly indices: ReadonlyMap<string, number>;

  constructor(size: number, registers: readonly Register[]) {
    this.size = size;
    this.registers = registers;
    this.values = new Uint32Array(registers.length);
    this.indices = new Map(registers.map(({ name }, index) => [name, index]));
    this.registerAt = new Int16Array(size).fill(-1);
    registers.forEach((register, index) => {
      this.registerAt.fill(index, register.offset, register.offset + register.width);
    });
    this.reset();
  }

  /** Gives every register its reset value, without telling anybody. */
  reset(): void {
    this.registers.forEach((register, index) => {
      this.values[index] = register.reset ?? 0;
    });
  }

  /** The `width` bytes at `offset`, little-endian, unsigned. */
  read(offset: number, width: AccessWidth): number {
    let result = 0;
    let last = -1;
    let value = 0;
    for (let i = 0; i < width; i++) {
      const index = this.indexAt(offset + i);
      if (index < 0) continue;
      const register = this.registers[index];
      if (index !== last) {
        value = register.read ? register.read() >>> 0 : this.values[index];
        last = index;
      }
      result |= ((value >>> (8 * (offset + i - register.offset))) & 0xff) << (8 * i);
    }
    return result >>> 0;
  }

  /** Writes the low `width` bytes of `value` at `offset`, little-endian. */
  write(offset: number, width: AccessWidth, value: number): void {
    for (let i = 0; i < width;) {
      const index = this.indexAt(offset + i);
      if (index < 0) {
        i++;
        continue;
      }
      const register = this.registers[index];
      const end = Math.min(width, register.offset + register.width - offset);
      let reached = 0;
      let written = 0;
      for (; i < end; i++) {
        const shift = 8 * (offset + i - register.offset);
        reached |= 0xff << shift;
        written |= ((value >>> (8 * i)) & 0xff) << shift;
      }
      this.store(index, register, written, reached);
    }
  }

  /** The stored value of the register that is row `index` of the table. */
  at(index: number): number {
    return this.values[index];
  }

  /** The stored value of the register of that name. @throws RangeError for a name that is not in the table */
  get(name: string): number {
    return this.values[this.indexOf(name)];
  }

  /** Sets a register from the device's side, whatever its mask, without telling anybody. */
  set(name: string, value: number): void {
    this.values[this.indexOf(name)] = value;
  }

  /** Every stored value, for a saved state. */
  save(): number[] {
    return Array.from(this.values);
  }

  /** @throws RangeError when the state is that of another block */
  restore(values: readonly number[]): void {
    if (values.length !== this.values.length) {
      throw new RangeError(`a saved block of ${values.length} registers does not fit one of ${this.values.length}`);
    }
    this.values.set(values);
  }

  private store(index: number, register: Register, written: number, reached: number): void {
    const mask = (register.mask ?? 0) & reached;
    this.values[index] = (this.values[index] & ~mask) | (written & mask);
    register.write?.(this.values[index]);
  }

  private indexAt(offset: number): number {
    return offset >= 0 && offset < this.size ? this.registerAt[offset] : -1;
  }

  private indexOf(name: string): number {
    const index = this.indices.get(name);
    if (index === undefined) throw new RangeError(`no register is called ${name}`);
    return index;
  }
}
