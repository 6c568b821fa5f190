import { describe, expect, it } from 'vitest';

import type { BenchResult } from '../../tools/bench/bench.js';
import { reportPage } from '../../tools/bench/page.js';
import { plots } from '../../tools/bench/plot.js';
import { reportText } from '../../tools/bench/report.js';
import { Results } from '../../tools/bench/results.js';
import { targetResults } from '../../tools/bench/targets.js';

function someMeasures() {
  const results = new Results();
  const values = { 'virtio-mq': [300, 100, 200], 'v86-virtio': [100, 100, 80], loopback: [1000, 1000, 1000] };
  for (const [peer, all] of Object.entries(values)) {
    for (const value of all) results.add(peer, { measure: 'tcp', unit: 'Mbit/s', value });
  }
  results.add('loopback', { measure: 'ping-rtt', unit: 'ms', value: 0.123456 });
  return results.measures();
}

function tableMeasures() {
  const results = new Results();
  for (const sessions of [1, 4]) {
    for (const queues of [1, 2]) {
      for (const bytes of [64, 1024, 4096]) {
        for (const value of [bytes / 64, bytes / 64 + 2]) {
          results.add('ours', { measure: 'rate', unit: 'Mbit/s', value, at: { bytes, queues, sessions } });
        }
      }
    }
  }
  return results.measures();
}

const result: BenchResult = {
  runs: 3,
  machine: { node: 'v20', cores: 2, processor: 'a processor' },
  suites: [
    { name: 'guests', seconds: 12 },
    { name: 'broken', seconds: 1, failed: 'no <guest> came up' },
  ],
  measures: [...someMeasures(), ...tableMeasures()].map((measure) => ({ suite: 'guests', ...measure })),
  targets: targetResults([
    { target: 'tcp-to-v86-virtio', values: [11, 12, 10] },
    { target: 'losses', values: [0, 3] },
  ]),
  skipped: [{ suite: 'guests', what: 'qemu-tap', why: 'there is no tap here' }],
};

describe('the report as text', () => {
  const lines = reportText(result).split('\n');
  const cells = (words: string): string[] =>
    lines
      .find((line) => line.includes(words))!
      .split('│')
      .map((cell) => cell.trim());

  it('has ratios where there is something to compare with', () => {
    expect(cells(' 100 to 300 ')).toEqual([
      '',
      'tcp',
      'Mbit/s',
      'virtio-mq',
      '200',
      '100 to 300',
      '2.00',
      '0.20',
      '',
      '',
    ]);
    expect(cells('1000 to 1000').slice(-4)).toEqual(['10.00', '1.00', '', '']);
    expect(lines).toContain('Medians of 3 runs.');
  });

  it('has a row for each place of a table', () => {
    expect(cells('rate, bytes 1024, queues 2, sessions 4')).toEqual([
      '',
      'rate, bytes 1024, queues 2, sessions 4',
      'Mbit/s',
      'ours',
      '17',
      '16 to 18',
      '',
      '',
      '',
      '',
    ]);
  });

  it('says what of that which must be shown was shown', () => {
    expect(cells('one stream').slice(2)).toEqual(['at least 10', '11', '10 to 12', 'met', '']);
    expect(cells('retransmissions and drops').slice(2)).toEqual(['at most 0', '1.5', '0 to 3', 'NOT MET', '']);
    expect(cells('plain copy bandwidth').slice(2)).toEqual(['at least 0.7', '', '', 'not measured', '']);
  });

  it('says what was not measured, and what failed', () => {
    expect(lines.slice(-3)).toEqual([
      'Not measured: qemu-tap of guests: there is no tap here',
      'FAILED: suite broken: no <guest> came up',
      '',
    ]);
  });
});

describe('plots', () => {
  const attributes = (svg: string, element: string, name: string): number[] =>
    [...svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([-\\d.]+)"`, 'g'))].map(([, value]) => Number(value));

  it('have a bar for each peer, as long as its median', () => {
    const [tcp, ping] = plots(someMeasures());
    expect(tcp.title).toBe('tcp, Mbit/s');
    const [ours, theirs, loopback] = attributes(tcp.svg, 'rect', 'width');
    expect(ours / theirs).toBeCloseTo(2, 1);
    expect(loopback / theirs).toBeCloseTo(10, 0);
    expect(tcp.svg).toContain('>v86-virtio</text>');
    expect(attributes(ping.svg, 'rect', 'width')).toHaveLength(1);
  });

  it('have lines along the first part of a place, one for each value of the second, and a picture for each of the third', () => {
    const all = plots(tableMeasures());
    expect(all.map(({ title }) => title)).toEqual(['rate, sessions 1, Mbit/s', 'rate, sessions 4, Mbit/s']);
    const [{ svg }] = all;
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).toContain('>ours, queues 1</text>');
    expect(svg).toContain('>ours, queues 2</text>');
    const [first, second, third] = attributes(svg, 'circle', 'cx');
    // From 64 to 1024 are four doublings, from there to 4096 two.
    expect((second - first) / (third - second)).toBeCloseTo(2, 1);
    const [low, , high] = attributes(svg, 'circle', 'cy');
    expect(low).toBeGreaterThan(high);
  });

  it('bear zeros, and leave out what is nothing else', () => {
    const results = new Results();
    for (const at of [undefined, { queues: 1 }]) {
      results.add('ours', { measure: 'lost', unit: 'frames', value: 0, at });
      results.add('ours', { measure: 'rate', unit: 'kpps', value: 0, at });
      results.add('theirs', { measure: 'rate', unit: 'kpps', value: 1, at });
    }
    const all = plots(results.measures());
    expect(all.map(({ title }) => title)).toEqual(['rate, kpps', 'rate, kpps']);
    for (const { svg } of all) expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

describe('the report as a page', () => {
  const page = reportPage(result);

  it('has the plots, the targets and the figures', () => {
    expect(page.match(/<svg /g)).toHaveLength(4);
    expect(page).toContain('<td><span class="met">met</span></td>');
    expect(page).toContain('<td><span class="missed">NOT MET</span></td>');
    expect(page).toContain('<td>tcp</td><td>Mbit/s</td><td>virtio-mq</td><td>200</td><td>100 to 300</td>');
  });

  it('says what is missing, and takes no words for markup', () => {
    expect(page).toContain('Not measured: qemu-tap of guests: there is no tap here');
    expect(page).toContain('Suite broken failed: no &lt;guest&gt; came up');
  });
});
