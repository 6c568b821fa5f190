import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestKey, Toeplitz } from '../../../src/net/hash/toeplitz.js';
import { microsoftKey, naiveToeplitz } from '../../support/naiveHash.js';

const hash = (key: Uint8Array, input: readonly number[]): number =>
  new Toeplitz(key).part(0, Uint8Array.from(input), 0, input.length) >>> 0;

const key = fc.uint8Array({ minLength: longestKey, maxLength: longestKey });
const input = fc.array(fc.nat(255), { maxLength: 36 });

describe('the Toeplitz hash', () => {
  it('is that of a bitwise implementation, for any key and input', () => {
    fc.assert(
      fc.property(key, input, (key, input) => {
        expect(hash(key, input)).toBe(naiveToeplitz(key, input));
      }),
    );
  });

  it('takes what a short key lacks for zeros', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: longestKey - 1 }), input, (key, input) => {
        expect(hash(key, input)).toBe(naiveToeplitz(key, input));
      }),
    );
  });

  it('is the exclusive or of its parts, wherever they lie', () => {
    fc.assert(
      fc.property(input, fc.nat(36), fc.nat(9), (input, cut, at) => {
        const parts = [input.slice(0, cut), input.slice(cut)];
        const toeplitz = new Toeplitz(microsoftKey);
        const [first, second] = parts.map((part) => Uint8Array.from([...new Array<number>(at).fill(255), ...part]));
        const sum =
          toeplitz.part(0, first, at, parts[0].length) ^ toeplitz.part(parts[0].length, second, at, parts[1].length);
        expect(sum >>> 0).toBe(naiveToeplitz(microsoftKey, input));
      }),
    );
  });

  it('of one bit is the key from there on', () => {
    expect(hash(microsoftKey, [0x80])).toBe(0x6d5a56da);
    expect(hash(microsoftKey, [0, 0x80])).toBe(0x5a56da25);
    expect(hash(microsoftKey, [...new Array<number>(35).fill(0), 1])).toBe(0xdf5600fd);
  });
});
