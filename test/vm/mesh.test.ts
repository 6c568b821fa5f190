import { describe, expect, it } from 'vitest';

import { leastRingBytes } from '../../src/fabric/index.js';
import { ringsFor } from '../../src/vm/worker/mesh.js';

describe('the rings between threads', () => {
  it('are one for each lane, and as large as is of use, where there are few', () => {
    expect(ringsFor(2, 4)).toEqual({ lanes: 4, ringBytes: 1 << 20 });
    expect(ringsFor(2, 1)).toEqual({ lanes: 1, ringBytes: 1 << 20 });
  });

  it.each([
    [8, 8],
    [3, 256],
    [16, 4],
    [32, 256],
  ])('of %i threads with %i lanes together have a bounded size', (members, lanes) => {
    const rings = ringsFor(members, lanes);
    expect(rings.lanes).toBeGreaterThanOrEqual(1);
    expect(rings.lanes).toBeLessThanOrEqual(lanes);
    expect(rings.ringBytes).toBeGreaterThanOrEqual(leastRingBytes);
    expect(members * (members - 1) * rings.lanes * rings.ringBytes).toBeLessThanOrEqual(1 << 28);
  });

  it('hold a frame however many threads there are', () => {
    expect(ringsFor(254, 4)).toEqual({ lanes: 1, ringBytes: leastRingBytes });
  });
});
