import { describe, expect, it } from 'vitest';

import { UserError } from '../../src/vm/errors.js';
import { parseOptions } from '../../tools/fuzz/options.js';
import { report } from '../../tools/fuzz/report.js';

describe('npm run fuzz', () => {
  it('runs for a minute from seed 1 unless it is told otherwise', () => {
    expect(parseOptions([])).toMatchObject({ seconds: 60, seed: 1, json: false, keep: false, replay: undefined });
    expect(parseOptions(['--seconds', '5', '--seed', '7', '--json'])).toMatchObject({
      seconds: 5,
      seed: 7,
      json: true,
    });
    expect(parseOptions(['--replay', 'a.txt']).replay).toBe('a.txt');
  });

  it.each([
    [['--seconds', '0'], "--seconds takes a whole number from 1 on; '0' is not one."],
    [['--seed', 'x'], "--seed takes a whole number from 0 on; 'x' is not one."],
    [['--loud'], "Unknown option '--loud'; --help lists the options."],
    [['--seconds'], "Option '--seconds <value>' argument missing; --help lists the options."],
    [['more'], "Unexpected argument 'more'"],
  ])('refuses %j in a sentence', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UserError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  it('reports how much of each layer was reached, and how to see a finding again', () => {
    const coverage = [
      { folder: 'virtio', lines: 200, covered: 150 },
      { folder: 'net', lines: 800, covered: 750 },
    ];
    const outcome = { tally: { executions: 1000, corpus: 12, coverage }, findings: [], corpus: [], missed: new Map() };
    const stored = [{ finding: 'it broke', input: 'flush 00000000000000\n', file: 'fuzz-finding-1.txt' }];
    expect(report(parseOptions(['--seconds', '10']), outcome, stored)).toMatchObject({
      executionsPerSecond: 100,
      inputsKept: 12,
      coverage: { virtio: { percent: 75 }, net: { percent: 93.8 }, all: { lines: 1000, covered: 900, percent: 90 } },
      findings: [{ finding: 'it broke', replay: 'npm run -s fuzz -- --replay fuzz-finding-1.txt' }],
    });
  });
});
