/**
 * Guest-physical memory as plain typed-array views. Views are valid for the call in which they were taken: an emulator
 * may move its memory between two calls. Little-endian, as the specification's rings are and as every JavaScript engine
 * of today is.
 */
export interface GuestMemory {
  /** Size in bytes; addresses run from 0 to size - 1. */
  readonly size: number;
  readonly bytes: Uint8Array;
  /** The same memory as 16-bit words, index = address / 2. */
  readonly words16: Uint16Array;
  /** The same memory as 32-bit words, index = address / 4. */
  readonly words32: Uint32Array;
  /** The same memory, for words at any address. */
  readonly data: DataView;
  /** Driver and device may work in it at the same time, in different threads; not so when left out. */
  readonly shared?: boolean;
  /**
   * The bytes from `address` on.
   * @throws GuestMemoryError when they are not all inside guest memory
   */
  slice(address: number, length: number): Uint8Array;
  /** Tells an emulator that caches translated code that a device wrote these bytes. */
  written(address: number, length: number): void;
}

export class GuestMemoryError extends RangeError {
  constructor(address: number, length: number, size: number) {
    super(`0x${address.toString(16)} and ${length} bytes from there are not within guest memory of ${size} bytes`);
    this.name = 'GuestMemoryError';
  }
}

/** Whether `length` bytes from `address` on lie within memory of `size` bytes. */
export function within(size: number, address: number, length: number): boolean {
  return address >= 0 && length >= 0 && address + length <= size;
}

/** Guest memory that is one buffer of its own: for devices and drivers without an emulator. */
export class BufferMemory implements GuestMemory {
  readonly shared: boolean;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  readonly words32: Uint32Array;
  readonly data: DataView;

  /** @param memory its size in bytes, a multiple of 4, or a buffer of such a size, which other threads may share */
  constructor(memory: number | ArrayBufferLike) {
    const buffer = typeof memory === 'number' ? new ArrayBuffer(memory) : memory;
    this.shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
    this.size = buffer.byteLength;
    this.bytes = new Uint8Array(buffer);
    this.words16 = new Uint16Array(buffer);
    this.words32 = new Uint32Array(buffer);
    this.data = new DataView(buffer);
  }

  slice(address: number, length: number): Uint8Array {
    if (!within(this.size, address, length)) throw new GuestMemoryError(address, length, this.size);
    return this.bytes.subarray(address, address + length);
  }

  /** Nothing caches this memory. */
  written(): void {}
}
