import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BufferMemory } from '../../src/virtio/memory.js';
import { WrittenPages } from '../../src/virtio/writtenPages.js';

const pageBytes = 4096;

/** What is told, call by call. */
function recorder() {
  const told: [start: number, end: number][] = [];
  const memory = Object.assign(new BufferMemory(0x40000), {
    written: (address: number, length: number) => told.push([address, address + length]),
  });
  return { pages: new WrittenPages(memory), told };
}

const pagesOf = (ranges: readonly (readonly [number, number])[]): Set<number> =>
  new Set(
    ranges.flatMap(([start, end]) => {
      const first = Math.floor(start / pageBytes);
      return Array.from({ length: Math.floor((end - 1) / pageBytes) - first + 1 }, (_, i) => first + i);
    }),
  );

describe('the pages that a device wrote', () => {
  it('are told of once, when that is asked for', () => {
    const { pages, told } = recorder();
    for (let i = 31; i >= 0; i--) pages.add(0x3000 + 128 * i, 76);
    expect(told).toEqual([]);
    pages.tell();
    pages.tell();
    expect(told).toEqual([[0x3000, 0x3000 + 128 * 31 + 76]]);
  });

  it('are told of at once where they lie apart', () => {
    const { pages, told } = recorder();
    pages.add(0x3000, 10);
    pages.add(0x5000, 10);
    expect(told).toEqual([[0x3000, 0x300a]]);
    pages.tell();
    expect(told).toEqual([
      [0x3000, 0x300a],
      [0x5000, 0x500a],
    ]);
  });

  it('are those that were written, and no others; all bytes that were are among what is told', () => {
    const range = fc.tuple(fc.nat(0x3f000), fc.integer({ min: 1, max: 0x1000 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(range, fc.constant('tell' as const))), (steps) => {
        const { pages, told } = recorder();
        const written: [number, number][] = [];
        for (const step of steps) {
          if (step === 'tell') {
            pages.tell();
          } else {
            pages.add(...step);
            written.push([step[0], step[0] + step[1]]);
          }
        }
        pages.tell();
        expect(pagesOf(told)).toEqual(pagesOf(written));
        for (const [start, end] of written) expect(told.some(([s, e]) => s <= start && end <= e)).toBe(true);
      }),
    );
  });
});
