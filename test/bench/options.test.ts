import { describe, expect, it } from 'vitest';

import { UserError } from '../../src/vm/errors.js';
import { helpText, parseOptions } from '../../tools/bench/options.js';

const names = ['virtio-mq', 'loopback', 'ping-rtt'];

describe('the options of the benchmark', () => {
  it('have defaults', () => {
    expect(parseOptions([], names)).toEqual({
      runs: 3,
      seconds: 5,
      warmUpSeconds: 30,
      only: [],
      json: false,
      help: false,
    });
  });

  it('are read', () => {
    const args = ['--runs', '1', '--seconds=2', '--warm-up', '0', '--only', 'ping-rtt', '--only', 'loopback', '--json'];
    expect(parseOptions(args, names)).toEqual({
      runs: 1,
      seconds: 2,
      warmUpSeconds: 0,
      only: ['ping-rtt', 'loopback'],
      json: true,
      help: false,
    });
    expect(parseOptions(['-h'], names).help).toBe(true);
  });

  it.each([
    [['--runs', '0'], "--runs takes a whole number from 1 to 1000; '0' is not one."],
    [['--runs', '1e2'], "--runs takes a whole number from 1 to 1000; '1e2' is not one."],
    [['--seconds', ''], "--seconds takes a whole number from 1 to 3600; '' is not one."],
    [['--warm-up=2.5'], "--warm-up takes a whole number from 0 to 3600; '2.5' is not one."],
    [['--only', 'rtt'], "--only takes one of virtio-mq, loopback, ping-rtt; 'rtt' is not one."],
    [['fast'], "'fast' is no option; --help tells which there are."],
    [['--fast'], "Unknown option '--fast'; --help tells which options there are."],
    [['--json=yes'], /^Option '--json' does not take an argument; --help/],
    [['--runs'], /^Option '--runs <value>' argument missing; --help/],
  ])('%j is refused in one sentence', (args, sentence) => {
    const read = (): unknown => parseOptions(args, names);
    expect(read).toThrow(UserError);
    expect(read).toThrow(sentence);
  });

  it('are all in the help', () => {
    const text = helpText(['a-peer'], ['a-measure']);
    for (const word of ['--runs', '--seconds', '--warm-up', '--only', '--json', '--help', 'a-peer', 'a-measure']) {
      expect(text).toContain(word);
    }
  });
});
