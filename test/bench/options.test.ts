import { describe, expect, it } from 'vitest';

import { UserError } from '../../src/vm/errors.js';
import { helpText, listText, parseOptions } from '../../tools/bench/options.js';
import { chosen, chosenSuites } from '../../tools/bench/suite.js';
import { suiteOf } from './suite.js';

const suites = [
  suiteOf('guests', { peers: ['virtio-mq', 'loopback'], measures: ['tcp', 'ping-rtt'] }),
  suiteOf('stream', { peers: ['virtio-mq'], measures: ['rate'] }),
  suiteOf('copies', { peers: ['plain'], measures: ['rate'] }),
];

describe('the options of the benchmark', () => {
  it('have defaults', () => {
    expect(parseOptions([], suites)).toEqual({
      runs: 3,
      seconds: undefined,
      warmUpSeconds: 30,
      quick: false,
      only: [],
      out: 'bench-results',
      json: false,
      list: false,
      help: false,
    });
  });

  it('are read', () => {
    const args = ['--runs', '1', '--seconds=2', '--warm-up', '0', '--only', 'ping-rtt', '--only', 'guests'];
    expect(parseOptions([...args, '--json', '--out', 'here'], suites)).toEqual({
      runs: 1,
      seconds: 2,
      warmUpSeconds: 0,
      quick: false,
      only: ['ping-rtt', 'guests'],
      out: 'here',
      json: true,
      list: false,
      help: false,
    });
    expect(parseOptions(['-h'], suites).help).toBe(true);
    expect(parseOptions(['--list'], suites).list).toBe(true);
  });

  it('--quick measures less, but for what is asked for', () => {
    const { runs, seconds, warmUpSeconds } = parseOptions(['--quick', '--runs', '2'], suites);
    expect({ runs, seconds, warmUpSeconds }).toEqual({ runs: 2, seconds: 1, warmUpSeconds: 4 });
  });

  it.each([
    [['--runs', '0'], "--runs takes a whole number from 1 to 1000; '0' is not one."],
    [['--runs', '1e2'], "--runs takes a whole number from 1 to 1000; '1e2' is not one."],
    [['--seconds', ''], "--seconds takes a whole number from 1 to 3600; '' is not one."],
    [['--warm-up=2.5'], "--warm-up takes a whole number from 0 to 3600; '2.5' is not one."],
    [['--only', 'rtt'], "--only takes the name of a suite, a peer or a measure; 'rtt' is none, --list has them."],
    [['--out='], '--out takes the name of a folder.'],
    [['fast'], "'fast' is no option; --help tells which there are."],
    [['--fast'], "Unknown option '--fast'; --help tells which options there are."],
    [['--json=yes'], /^Option '--json' does not take an argument; --help/],
    [['--runs'], /^Option '--runs <value>' argument missing; --help/],
  ])('%j is refused in one sentence', (args, sentence) => {
    const read = (): unknown => parseOptions(args, suites);
    expect(read).toThrow(UserError);
    expect(read).toThrow(sentence);
  });

  it('are all in the help', () => {
    for (const word of ['runs', 'seconds', 'warm-up', 'only', 'list', 'quick', 'out', 'json', 'help']) {
      expect(helpText).toContain(`  --${word} `);
    }
  });

  it('--list names suites, peers and measures', () => {
    expect(listText(suites.slice(0, 1))).toBe(
      'guests: measures guests\n    peers: virtio-mq, loopback\n    measures: tcp, ping-rtt\n',
    );
  });
});

describe('what --only names', () => {
  it.each([
    [[], ['guests', 'stream', 'copies']],
    [['stream'], ['stream']],
    [
      ['guests', 'copies'],
      ['guests', 'copies'],
    ],
    [['virtio-mq'], ['guests', 'stream']],
    [['rate'], ['stream', 'copies']],
    [['rate', 'virtio-mq'], ['stream']],
    [['stream', 'tcp'], []],
  ])('%j chooses the suites %j', (only, expected) => {
    expect(chosenSuites(suites, only).map(({ name }) => name)).toEqual(expected);
  });

  it('takes a name that a suite shares with its measure for the suite', () => {
    const both = [...suites, suiteOf('rr', { peers: ['virtio-mq'], measures: ['rr'] })];
    expect(chosenSuites(both, ['rr', 'copies']).map(({ name }) => name)).toEqual(['copies', 'rr']);
  });

  it('chooses peers, and all of them where it names none', () => {
    const peers = [{ name: 'virtio-mq' }, { name: 'loopback' }];
    expect(chosen(peers, ['guests', 'loopback'])).toEqual([{ name: 'loopback' }]);
    expect(chosen(peers, ['guests'])).toEqual(peers);
  });
});
