/**
 * RAM of a machine in this process, as plain views: address 0 is the first byte. All of it is below 4 GiB. Little-endian, as
 * the rings are and as every JavaScript engine of today is.
 */
export class LocalMemory {
  readonly bytes: Uint8Array;
  /** The same memory as 16-bit words, index = address / 2. */
  readonly words16: Uint16Array;
  /** The same memory as 32-bit words, index = address / 4. */
  readonly words32: Uint32Array;
  /** The same with a sign: engines keep such numbers without an object, also those that `Atomics.load` answers. */
  readonly signed32: Int32Array;

  /**
   * @param bytes all of the RAM, in an ArrayBuffer or a SharedArrayBuffer; it may not move while it is used
   * @throws RangeError when it does not begin and end at a multiple of 4 of its buffer
   */
  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes;
    this.bytes = bytes;
    this.words16 = new Uint16Array(buffer, byteOffset, byteLength / 2);
    this.words32 = new Uint32Array(buffer, byteOffset, byteLength / 4);
    this.signed32 = new Int32Array(buffer, byteOffset, byteLength / 4);
  }
}
