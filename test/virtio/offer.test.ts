import { describe, expect, it } from 'vitest';
import { offerFeatures } from '../../src/virtio/offer.js';
import type { Feature } from '../../src/virtio/features.js';

const table: readonly Feature[] = [
  { name: 'A', bit: 0, dependsOn: [], spec: '1' },
  { name: 'B', bit: 1, dependsOn: [['A', 'D']], spec: '1' },
  { name: 'C', bit: 2, dependsOn: [['B'], ['A']], spec: '1' },
  { name: 'D', bit: 40, dependsOn: [], spec: '1', offeredByDefault: false },
];
const [a, b, c, d] = table.map(({ bit }) => 1n << BigInt(bit));

describe('a device offers', () => {
  it('everything but what is off by default', () => {
    expect(offerFeatures(table)).toBe(a | b | c);
  });

  it('what is off by default when it is wished for', () => {
    expect(offerFeatures(table, { D: true })).toBe(a | b | c | d);
  });

  it('not what is wished away, and not what needs that, and so on (2.2.2)', () => {
    expect(offerFeatures(table, { B: false })).toBe(a);
    expect(offerFeatures(table, { A: false })).toBe(0n);
    expect(offerFeatures(table, { A: false, D: true })).toBe(b | d);
  });

  it('what is wished for, or says why it can not', () => {
    expect(() => offerFeatures(table, { B: true, A: false })).toThrow(
      new RangeError('B needs A or D, which is not offered'),
    );
    expect(() => offerFeatures(table, { X: false })).toThrow(new RangeError('no feature is called X'));
  });
});
