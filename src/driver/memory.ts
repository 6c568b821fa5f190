import type { Machine } from './machine.js';

/** Where a buffer is, for people and descriptors: 64-bit addresses may be given as numbers up to 2^53. */
export type Address = number | bigint;

/** The machine's RAM, handed out in pieces, with little-endian access to it. */
export class DriverMemory {
  readonly machine: Machine;
  private next: number;
  private readonly sizes = new Map<number, number>();
  /** Pieces that were given back, by their size. */
  private readonly spare = new Map<number, number[]>();

  constructor(machine: Machine) {
    this.machine = machine;
    this.next = machine.ram.start;
  }

  /**
   * Zeroed memory that nobody else has.
   * @param alignment in bytes, a power of two
   * @throws RangeError when the machine has no more
   */
  async allocate(length: number, alignment = 16): Promise<number> {
    const size = Math.max(length, 1);
    const address = this.reuse(size, alignment) ?? this.extend(size, alignment);
    this.sizes.set(address, size);
    await this.machine.writeBytes(address, new Uint8Array(size));
    return address;
  }

  /** Gives a piece back, from `allocate`. */
  free(address: number): void {
    const size = this.sizes.get(address);
    if (size === undefined) throw new RangeError(`0x${address.toString(16)} was not allocated`);
    this.sizes.delete(address);
    const spare = this.spare.get(size);
    if (spare) spare.push(address);
    else this.spare.set(size, [address]);
  }

  /** A piece of its own that holds `bytes`. */
  async store(bytes: Uint8Array, alignment = 1): Promise<number> {
    const address = await this.allocate(bytes.length, alignment);
    await this.machine.writeBytes(address, bytes);
    return address;
  }

  async read16(address: number): Promise<number> {
    return view(await this.machine.readBytes(address, 2)).getUint16(0, true);
  }

  async write16(address: number, value: number): Promise<void> {
    await this.machine.writeBytes(address, Uint8Array.of(value & 0xff, (value >>> 8) & 0xff));
  }

  async read32(address: number): Promise<number> {
    return view(await this.machine.readBytes(address, 4)).getUint32(0, true);
  }

  async write32(address: number, value: number): Promise<void> {
    const bytes = new Uint8Array(4);
    view(bytes).setUint32(0, value, true);
    await this.machine.writeBytes(address, bytes);
  }

  private reuse(size: number, alignment: number): number | undefined {
    const spare = this.spare.get(size);
    const found = spare?.findIndex((address) => address % alignment === 0) ?? -1;
    return found < 0 ? undefined : spare!.splice(found, 1)[0];
  }

  private extend(size: number, alignment: number): number {
    const address = Math.ceil(this.next / alignment) * alignment;
    if (address + size > this.machine.ram.end) throw new RangeError(`${this.machine.name} has no ${size} bytes left`);
    this.next = address + size;
    return address;
  }
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
