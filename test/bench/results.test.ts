import { describe, expect, it } from 'vitest';

import { reportText } from '../../tools/bench/report.js';
import { Results } from '../../tools/bench/results.js';
import { median, range, rounded } from '../../tools/bench/statistics.js';

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

function someResults(): Results {
  const results = new Results();
  const values = { 'virtio-mq': [300, 100, 200], 'v86-virtio': [100, 100, 80], loopback: [1000, 1000, 1000] };
  for (const [peer, all] of Object.entries(values)) {
    for (const value of all) results.add(peer, { measure: 'guest-to-guest-tcp', unit: 'Mbit/s', value });
  }
  results.add('loopback', { measure: 'ping-rtt', unit: 'ms', value: 0.123456 });
  return results;
}

describe('results', () => {
  it('are medians and spreads by measure and peer', () => {
    expect(someResults().summary(3)).toEqual({
      runs: 3,
      measures: [
        {
          name: 'guest-to-guest-tcp',
          unit: 'Mbit/s',
          median: { 'virtio-mq': 200, 'v86-virtio': 100, loopback: 1000 },
          spread: { 'virtio-mq': [100, 300], 'v86-virtio': [80, 100], loopback: [1000, 1000] },
        },
        { name: 'ping-rtt', unit: 'ms', median: { loopback: 0.1235 }, spread: { loopback: [0.1235, 0.1235] } },
      ],
    });
  });

  it('are a table with ratios where there is something to compare with', () => {
    const lines = reportText(someResults().summary(3)).split('\n');
    const cells = (peer: string): string[] =>
      lines
        .find((line) => line.includes(` ${peer} `) && !line.includes('measure'))!
        .split('│')
        .map((cell) => cell.trim());
    expect(cells('virtio-mq')).toEqual([
      '',
      'guest-to-guest-tcp',
      'Mbit/s',
      'virtio-mq',
      '200',
      '100 to 300',
      '2.00',
      '0.20',
      '',
    ]);
    expect(cells('loopback').slice(-3)).toEqual(['10.00', '1.00', '']);
    expect(lines.find((line) => line.includes('ping-rtt'))).toMatch(/0\.1235 to 0\.1235 │ +│ +1\.00 │/);
    expect(lines.at(-2)).toBe('Medians of 3 runs.');
  });
});
