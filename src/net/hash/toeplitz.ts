/** The longest input of a hash: two IPv6 addresses and two ports, in bytes. */
const longestInput = 2 * 16 + 2 * 2;
/** Width of the hash, in bits. */
const width = 32;

/** A key is used up to here, in bytes: the input's last bit needs the last `width` bits of it. */
export const longestKey = longestInput + width / 8;

/**
 * The Toeplitz hash with one key: for each bit of the input that is set, the exclusive or of the 32 bits of the key that
 * start at that bit's position. What a byte adds depends on nothing but its value and its position, so it is looked up.
 */
export class Toeplitz {
  /** By position and value of a byte. */
  private readonly table = new Int32Array(longestInput * 256);

  /** @param key what it lacks of `longestKey` bytes counts as zeros */
  constructor(key: Uint8Array) {
    const { table } = this;
    let window = (key[0] << 24) | (key[1] << 16) | (key[2] << 8) | key[3];
    for (let position = 0; position < longestInput; position++) {
      const row = position * 256;
      const next = key[position + width / 8] ?? 0;
      for (let bit = 7; bit >= 0; bit--) {
        table[row + (1 << bit)] = window;
        window = (window << 1) | ((next >>> bit) & 1);
      }
      for (let value = 3; value < 256; value++) {
        const rest = value & (value - 1);
        if (rest !== 0) table[row + value] = table[row + rest] ^ table[row + (value & -value)];
      }
    }
  }

  /**
   * What `length` bytes at `at` add to the hash when they stand at `position` of its input. The hash of the whole input
   * is the exclusive or of what its parts add.
   */
  part(position: number, bytes: Uint8Array, at: number, length: number): number {
    const { table } = this;
    let sum = 0;
    for (let i = 0; i < length; i++) sum ^= table[(position + i) * 256 + bytes[at + i]];
    return sum;
  }
}
