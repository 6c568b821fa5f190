import { parseArgs } from 'node:util';

import { UserError } from '../../src/vm/errors.js';

export interface BenchOptions {
  readonly runs: number;
  /** Length of each transfer. */
  readonly seconds: number;
  /** How long each peer carries traffic before anything is measured. */
  readonly warmUpSeconds: number;
  /** Names of peers and measures; a kind of which none is named is measured whole. */
  readonly only: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
}

const numbers = {
  runs: { least: 1, most: 1000, default: 3 },
  seconds: { least: 1, most: 3600, default: 5 },
  'warm-up': { least: 0, most: 3600, default: 30 },
} as const;

/** @throws UserError for a word that is no option, and for a value out of its range */
export function parseOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  if (positionals.length > 0) throw new UserError(`'${positionals[0]}' is no option; --help tells which there are.`);
  const number = (name: keyof typeof numbers): number => {
    const { least, most, default: ordinary } = numbers[name];
    const text = values[name] ?? String(ordinary);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new UserError(`--${name} takes a whole number from ${least} to ${most}; '${text}' is not one.`);
    }
    return value;
  };
  const { only = [], json = false, help = false } = values;
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UserError(`--only takes one of ${names.join(', ')}; '${unknown}' is not one.`);
  return { runs: number('runs'), seconds: number('seconds'), warmUpSeconds: number('warm-up'), only, json, help };
}

const isName = { type: 'string' } as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: isName,
        seconds: isName,
        'warm-up': isName,
        only: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [sentence] = (error as Error).message.split('. ');
    throw new UserError(`${sentence}; --help tells which options there are.`);
  }
}

export function helpText(peers: readonly string[], measures: readonly string[]): string {
  return `Measures two guests on this project's card against two guests on v86's own cards, in one thread.

  npm run -s bench:guests -- [options]

  --runs N       how often everything is measured; the result is the median (${numbers.runs.default})
  --seconds N    length of each transfer in seconds (${numbers.seconds.default})
  --warm-up N    seconds of traffic before the first run, for each peer (${numbers['warm-up'].default})
  --only NAME    measure this alone; may be given several times
                 peers: ${peers.join(', ')}
                 measures: ${measures.join(', ')}
  --json         the result as one JSON document on standard output
  --help         this text

Progress goes to standard error. tools/bench/README.md tells how to read the result.
`;
}
