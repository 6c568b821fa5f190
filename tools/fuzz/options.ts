import { parseArgs } from 'node:util';

import { UserError } from '../../src/vm/errors.js';

export interface FuzzOptions {
  readonly help: boolean;
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
  readonly missed: boolean;
  /** A file with inputs to execute instead of fuzzing. */
  readonly replay: string | undefined;
}

export const helpText = `Usage: npm run -s fuzz -- [options]

Does to a card what no driver would, looks whether it bears that, and prefers inputs that reach new parts of it.

  --seconds <n>    how long (default: 60)
  --seed <n>       where the chances begin (default: 1)
  --replay <file>  execute the inputs in a file, and nothing else
  --keep           put the inputs that reach most in place of test/fuzz/corpus/reached.txt
  --missed         list the lines that were not reached
  --json           print one JSON document, and nothing else, on standard output

The exit status is 0 when nothing was found, 1 when something was, 2 when what was asked for makes no sense.
`;

/** @throws UserError for options that can't be */
export function parseOptions(args: readonly string[]): FuzzOptions {
  const { values } = parsed(args);
  const number = (name: 'seconds' | 'seed', least: number, ordinary: number): number => {
    const text = values[name];
    if (text === undefined) return ordinary;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value < 2 ** 31) return value;
    throw new UserError(`--${name} takes a whole number from ${least} on; '${text}' is not one.`);
  };
  return {
    help: values.help ?? false,
    seconds: number('seconds', 1, 60),
    seed: number('seed', 0, 1),
    json: values.json ?? false,
    keep: values.keep ?? false,
    missed: values.missed ?? false,
    replay: values.replay,
  };
}

function parsed(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { help: flag, seconds: text, seed: text, json: flag, keep: flag, missed: flag, replay: text },
    });
  } catch (error) {
    const [first] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    throw new UserError(`${first.replace(/\.?$/, '')}; --help lists the options.`);
  }
}
