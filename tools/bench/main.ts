import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '../../src/vm/errors.js';
import { makeFolder } from '../../src/vm/folder.node.js';
import { bench } from './bench.js';
import { helpText, listText, parseOptions } from './options.js';
import { reportPage } from './page.js';
import { reportText } from './report.js';
import { chosenSuites } from './suite.js';
import { suites } from './suites.js';

/** Runs the benchmark; the answer is the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { help, list, json, out, ...extent } = parseOptions(args, suites);
    if (help || list) {
      process.stdout.write(help ? helpText : listText(suites));
      return 0;
    }
    const chosen = chosenSuites(suites, extent.only);
    if (chosen.length === 0)
      throw new UserError(`No suite has all of ${extent.only.join(', ')}; --list tells which do.`);
    await makeResultsFolder(out);
    const result = await bench(chosen, extent, (text) => process.stderr.write(`${text}\n`));
    const document = `${JSON.stringify(result)}\n`;
    writeFileSync(join(out, 'results.json'), document);
    writeFileSync(join(out, 'report.html'), reportPage(result));
    process.stdout.write(json ? document : reportText(result));
    return result.suites.some(({ failed }) => failed !== undefined) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** @throws UserError where it can't be */
async function makeResultsFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
  } catch (error) {
    throw new UserError(`The folder ${path} cannot be made: ${(error as Error).message}.`);
  }
}
