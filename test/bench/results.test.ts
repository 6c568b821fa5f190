import { describe, expect, it } from 'vitest';

import { Results } from '../../tools/bench/results.js';
import { median, range, rounded } from '../../tools/bench/statistics.js';
import { targetResults } from '../../tools/bench/targets.js';

describe('statistics', () => {
  it('the median is the value in the middle, or between the two there', () => {
    expect(median([9, 1, 10])).toBe(9);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('the range is the least and the greatest', () => {
    expect(range([3, -1, 2])).toEqual([-1, 3]);
  });

  it('values keep four digits', () => {
    expect(rounded(1234.56)).toBe(1235);
    expect(rounded(0.123456)).toBe(0.1235);
    expect(rounded(0)).toBe(0);
  });
});

describe('results', () => {
  const results = new Results();
  const values = { 'virtio-mq': [300, 100, 200], 'v86-virtio': [100, 100, 80] };
  for (const [peer, all] of Object.entries(values)) {
    for (const value of all) results.add(peer, { measure: 'tcp', unit: 'Mbit/s', value });
  }
  for (const bytes of [64, 256]) {
    results.add('virtio-mq', { measure: 'rate', unit: 'kpps', value: bytes + 0.12345, at: { bytes } });
  }

  it('are values, medians and spreads by measure and peer', () => {
    expect(results.measures()).toEqual([
      {
        name: 'tcp',
        unit: 'Mbit/s',
        values,
        median: { 'virtio-mq': 200, 'v86-virtio': 100 },
        spread: { 'virtio-mq': [100, 300], 'v86-virtio': [80, 100] },
      },
      ...[64, 256].map((bytes) => {
        const value = rounded(bytes + 0.12345);
        return {
          name: 'rate',
          unit: 'kpps',
          at: { bytes },
          values: { 'virtio-mq': [value] },
          median: { 'virtio-mq': value },
          spread: { 'virtio-mq': [value, value] },
        };
      }),
    ]);
  });

  it('have ratios by run, where both peers were measured', () => {
    expect(results.ratios('tcp', 'virtio-mq', 'v86-virtio')).toEqual([3, 1, 2.5]);
    expect(results.ratios('tcp', 'virtio-mq', 'loopback')).toEqual([]);
    expect(results.ratios('tcp', 'loopback', 'virtio-mq')).toEqual([]);
    expect(results.values('rate', 'virtio-mq', { bytes: 256 })).toEqual([256.12345]);
  });
});

describe('what it must show', () => {
  const of = (name: string, shown: Parameters<typeof targetResults>[0]) =>
    targetResults(shown).find((target) => target.name === name);

  it('is met by the median of the runs', () => {
    const shown = (values: number[]) => [{ target: 'tcp-to-v86-virtio', values }] as const;
    expect(of('tcp-to-v86-virtio', shown([9, 10, 14.00001]))).toEqual({
      name: 'tcp-to-v86-virtio',
      what: 'guest to guest TCP, one stream, two workers ÷ v86’s own virtio card',
      limit: { is: 'at least', value: 10 },
      values: [9, 10, 14],
      median: 10,
      spread: [9, 14],
      met: true,
    });
    expect(of('tcp-to-v86-virtio', shown([9.9, 9.9, 30]))?.met).toBe(false);
    expect(of('rtt-to-loopback', [{ target: 'rtt-to-loopback', values: [1.6] }])?.met).toBe(true);
    expect(of('rtt-to-loopback', [{ target: 'rtt-to-loopback', values: [1.61] }])?.met).toBe(false);
    expect(of('bytes-per-frame', [{ target: 'bytes-per-frame', values: [1] }])?.met).toBe(false);
    expect(of('bytes-per-frame', [{ target: 'bytes-per-frame', values: [0.99] }])?.met).toBe(true);
  });

  it('takes one loss in any run of any suite for a loss', () => {
    const clean = { target: 'losses', values: [0, 0] } as const;
    expect(of('losses', [clean, clean])?.met).toBe(true);
    expect(of('losses', [clean, { target: 'losses', values: [0, 0, 1] }])).toMatchObject({ median: 0, met: false });
  });

  it('is neither met nor missed where nothing was measured', () => {
    const target = of('two-pairs-to-one', [{ target: 'two-pairs-to-one', values: [] }])!;
    expect(target.values).toEqual([]);
    expect(target).not.toHaveProperty('met');
  });
});
