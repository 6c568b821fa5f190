import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyLong } from '../../src/net/link/copy.js';

const size = 40_000;
const place = fc.nat(100);

const memory = fc.constantFrom(ArrayBuffer, SharedArrayBuffer);

/** A view of a buffer, behind some bytes of others. */
function filled(
  Memory: ArrayBufferConstructor | SharedArrayBufferConstructor,
  behind: number,
  seed: number,
): Uint8Array {
  const bytes = new Uint8Array(new Memory(behind + size), behind);
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >>> 8) + seed) & 0xff;
  return bytes;
}

// Lengths on both sides of the limits: where words are worth it, and of the piece that is copied at once.
const length = fc.oneof(
  fc.integer({ min: 65, max: 600 }),
  fc.integer({ min: 16_300, max: 16_500 }),
  fc.nat(size - 100),
);

it.each([
  ['from one memory to another', false],
  ['within one', true],
])('copies the same bytes wherever they lie, %s, and writes nothing beside them', (_where, within) => {
  fc.assert(
    fc.property(
      memory,
      memory,
      fc.nat(9),
      fc.nat(9),
      place,
      place,
      length,
      (from, to, before, behind, start, at, wanted) => {
        const source = filled(from, before, 1);
        const target = within ? source : filled(to, behind, 99);
        // Within one memory the two lie apart, as the buffers of a ring do.
        const count = within ? Math.min(wanted, size / 2 - 200) : wanted;
        const goal = within ? size / 2 + at : at;
        const expected = Uint8Array.from(target);
        expected.set(Uint8Array.from(source.subarray(start, start + count)), goal);
        copyLong(source, start, count, target, goal);
        expect(Buffer.compare(target, expected)).toBe(0);
      },
    ),
  );
});
