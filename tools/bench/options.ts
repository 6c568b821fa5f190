import { parseArgs } from 'node:util';

import { UserError } from '../../src/vm/errors.js';
import type { BenchExtent } from './bench.js';
import type { Suite } from './suite.js';

export interface BenchOptions extends BenchExtent {
  /** Where the report goes. */
  readonly out: string;
  readonly json: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

const numbers = {
  runs: { least: 1, most: 1000, default: 3, quick: 1 },
  seconds: { least: 1, most: 3600, default: undefined, quick: 1 },
  'warm-up': { least: 0, most: 3600, default: 30, quick: 4 },
} as const;

const defaultOut = 'bench-results';

/** @throws UserError for a word that is no option, and for a value out of its range */
export function parseOptions(args: readonly string[], suites: readonly Suite[]): BenchOptions {
  const { values, positionals } = parse(args);
  if (positionals.length > 0) throw new UserError(`'${positionals[0]}' is no option; --help tells which there are.`);
  const { only = [], quick = false, json = false, list = false, help = false, out = defaultOut } = values;
  const number = (name: keyof typeof numbers): number | undefined => {
    const { least, most, default: ordinary, quick: little } = numbers[name];
    const text = values[name];
    if (text === undefined) return quick ? little : ordinary;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new UserError(`--${name} takes a whole number from ${least} to ${most}; '${text}' is not one.`);
    }
    return value;
  };
  const names = suites.flatMap(({ name, peers, measures }) => [name, ...peers, ...measures]);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `--only takes the name of a suite, a peer or a measure; '${unknown}' is none, --list has them.`,
    );
  }
  if (out === '') throw new UserError('--out takes the name of a folder.');
  const extent = { runs: number('runs')!, seconds: number('seconds'), warmUpSeconds: number('warm-up')!, quick, only };
  return { ...extent, out, json, list, help };
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: text,
        seconds: text,
        'warm-up': text,
        out: text,
        only: { type: 'string', multiple: true },
        quick: flag,
        json: flag,
        list: flag,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [sentence] = (error as Error).message.split('. ');
    throw new UserError(`${sentence}; --help tells which options there are.`);
  }
}

export const helpText = `Measures this project's card and network beside v86's own cards, QEMU and plain copying.

  npm run -s bench -- [options]

  --only NAME    measure this suite, peer or measure alone; may be given several times
  --list         the suites, with their peers and measures
  --runs N       how often everything is measured; the result is the median (${numbers.runs.default})
  --seconds N    length of each measurement in seconds (each suite's own)
  --warm-up N    seconds of traffic before the first run, for each pair of guests (${numbers['warm-up'].default})
  --quick        one short run of little, to see that all works
  --out FOLDER   where report.html, with plots, and results.json go (${defaultOut})
  --json         the results as one JSON document on standard output
  --help         this text

Progress goes to standard error. The exit status is 1 when a suite failed. tools/bench/README.md tells how to read the
results.
`;

export function listText(suites: readonly Suite[]): string {
  return suites
    .map(({ name, help, peers, measures }) => {
      const names = { peers, measures };
      const lines = Object.entries(names).map(([kind, all]) => `    ${kind}: ${all.join(', ')}\n`);
      return `${name}: ${help}\n${lines.join('')}`;
    })
    .join('');
}
