import { describe, expect, it } from 'vitest';

import { readList, share } from '../../src/vm/worker/processors.node.js';

describe('processors of guests', () => {
  it('are read as Linux writes them', () => {
    expect(readList('0')).toEqual([0]);
    expect(readList('0-1')).toEqual([0, 1]);
    expect(readList('0-2,5,8-9')).toEqual([0, 1, 2, 5, 8, 9]);
  });

  it.each([
    [2, 2, [[0], [1]]],
    [
      5,
      2,
      [
        [0, 2, 4],
        [1, 3],
      ],
    ],
    [2, 3, [[0], [1], [0]]],
    [3, 1, [[0, 1, 2]]],
  ])('of %d are shared by %d guests', (processors, count, parts) => {
    const all = Array.from({ length: processors }, (_, i) => i);
    expect(Array.from({ length: count }, (_, index) => share(all, { index, count }))).toEqual(parts);
  });
});
