/** The key of Microsoft's verification suite for receive-side scaling: 40 bytes. */
export const verificationKey = Uint8Array.from([
  ...[0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca],
  ...[0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b],
  ...[0xbe, 0xac, 0x01, 0xfa],
]);

/**
 * The Toeplitz hash of an input, unsigned: for each bit of the input that is set, the 32 bits of the key from the same
 * place on are added without carry. The key has at least four bytes more than the input.
 */
export function toeplitz(key: Uint8Array, input: ArrayLike<number>): number {
  const keyBit = (at: number): number => (key[at >>> 3] >>> (7 - (at & 7))) & 1;
  let window = new DataView(key.buffer, key.byteOffset).getUint32(0);
  let hash = 0;
  for (let at = 0; at < 8 * input.length; at++) {
    if ((input[at >>> 3] >>> (7 - (at & 7))) & 1) hash ^= window;
    window = (window << 1) | keyBit(at + 32);
  }
  return hash >>> 0;
}
