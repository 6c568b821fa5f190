import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegisterBlock, type AccessWidth, type Register } from '../../src/virtio/registers.js';

describe('a register block', () => {
  const written: number[] = [];
  const block = new RegisterBlock(12, [
    { name: 'word', offset: 0, width: 4, mask: 0xffffffff, reset: 0x44332211, write: (value) => written.push(value) },
    { name: 'half', offset: 4, width: 2, mask: 0x0ff0, reset: 0xa00b },
    { name: 'counter', offset: 8, width: 1, read: () => ++reads },
    { name: 'after', offset: 9, width: 1, reset: 0x99 },
  ]);
  let reads = 0;

  it('reads little-endian, in any width, across registers, and zero where there is none', () => {
    expect(block.read(0, 4)).toBe(0x44332211);
    expect(block.read(1, 2)).toBe(0x3322);
    expect(block.read(3, 1)).toBe(0x44);
    expect(block.read(3, 4)).toBe(0x00a00b44);
    expect(block.read(6, 2)).toBe(0);
  });

  it('reads nothing beyond its end', () => {
    expect(block.read(9, 4)).toBe(0x99);
    expect(block.read(12, 4)).toBe(0);
    expect(block.read(1e9, 4)).toBe(0);
  });

  it('asks for a register that is made up once an access', () => {
    reads = 0;
    expect(block.read(8, 4)).toBe(0x9901);
    expect(block.read(6, 4) >>> 16).toBe(0x9902);
    expect(block.read(9, 1)).toBe(0x99);
    expect(reads).toBe(2);
  });

  it('changes only the bits of the mask', () => {
    block.write(4, 2, 0xffff);
    expect(block.read(4, 2)).toBe(0xaffb);
    block.write(8, 4, 0xffffffff);
    expect(block.read(9, 1)).toBe(0x99);
    block.reset();
    expect(block.read(4, 2)).toBe(0xa00b);
  });

  it('keeps the other bytes at a partial write, and tells the whole new value', () => {
    written.length = 0;
    block.write(1, 1, 0xaa);
    block.write(2, 2, 0xccbb);
    expect(written).toEqual([0x4433aa11, 0xccbbaa11]);
  });

  it('ends at a write in bytes as the whole one would', () => {
    [0x78, 0x56, 0x34, 0x12].forEach((byte, i) => block.write(i, 1, byte));
    expect(block.read(0, 4)).toBe(0x12345678);
    expect(written.at(-1)).toBe(0x12345678);
  });

  it('takes and gives its stored values by name', () => {
    block.set('half', 0x1234);
    expect(block.get('half')).toBe(0x1234);
    expect(() => block.get('none')).toThrow(RangeError);
  });

  it('is restored as it was saved, but not from another block', () => {
    const saved = block.save();
    block.reset();
    block.restore(saved);
    expect(block.get('half')).toBe(0x1234);
    expect(() => block.restore([1])).toThrow(RangeError);
  });
});

const blockBytes = 24;
const registers = fc.array(
  fc.record({
    gap: fc.nat(3),
    width: fc.constantFrom<AccessWidth>(1, 2, 4),
    mask: fc.nat(0xffffffff),
    reset: fc.nat(0xffffffff),
  }),
  { minLength: 1, maxLength: 8 },
);
const access = fc.record({
  offset: fc.nat(blockBytes + 4),
  width: fc.constantFrom<AccessWidth>(1, 2, 4),
  value: fc.nat(0xffffffff),
});

/** The same block as plain bytes, each with its own mask. */
function plain(rows: readonly Register[]): { values: number[]; masks: number[] } {
  const values = new Array<number>(blockBytes).fill(0);
  const masks = new Array<number>(blockBytes).fill(0);
  for (const { offset, width, mask = 0, reset = 0 } of rows) {
    for (let i = 0; i < width; i++) {
      values[offset + i] = (reset >>> (8 * i)) & 255;
      masks[offset + i] = (mask >>> (8 * i)) & 255;
    }
  }
  return { values, masks };
}

describe('any register block', () => {
  it('behaves at any access as its bytes would, one by one', () => {
    fc.assert(
      fc.property(registers, fc.array(access), (chosen, accesses) => {
        const rows: Register[] = [];
        let at = 0;
        for (const { gap, width, mask, reset } of chosen) {
          const offset = at + gap;
          if (offset + width > blockBytes) break;
          rows.push({ name: `at ${offset}`, offset, width, mask, reset: reset % 2 ** (8 * width) });
          at = offset + width;
        }
        const block = new RegisterBlock(blockBytes, rows);
        const { values, masks } = plain(rows);
        for (const { offset, width, value } of accesses) {
          block.write(offset, width, value);
          let expected = 0;
          for (let i = 0; i < width && offset + i < blockBytes; i++) {
            const [mask, byte] = [masks[offset + i], (value >>> (8 * i)) & 255];
            values[offset + i] = (values[offset + i] & ~mask) | (byte & mask);
            expected += values[offset + i] * 2 ** (8 * i);
          }
          expect(block.read(offset, width)).toBe(expected);
        }
        expect(Array.from({ length: blockBytes }, (_, i) => block.read(i, 1))).toEqual(values);
      }),
    );
  });
});
