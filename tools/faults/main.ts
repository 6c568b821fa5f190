import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

import { tryFault, type FaultResult } from './linux.js';
import { page } from './page.js';
import { scenarios } from './scenarios.js';

const help = `Usage: npm run faults:linux -- [fault… | --page]

Tries faults of the card on Debian's kernel, all when none is named, and writes what became of its driver to
docs/faults-linux.json and docs/faults-linux.md. Results of faults that are not tried stay as they are.
With --page alone nothing is tried: the page is written again from the results.
`;

const resultsFile = 'docs/faults-linux.json';
const pageFile = 'docs/faults-linux.md';

/** Answers the exit status. */
export async function main(names: readonly string[]): Promise<number> {
  if (names.includes('--help')) {
    process.stdout.write(help);
    return 0;
  }
  if (names.length === 1 && names[0] === '--page') {
    writeFileSync(pageFile, page(knownResults()));
    return 0;
  }
  const unknown = names.find((name) => !scenarios.some(({ fault }) => fault === name));
  if (unknown !== undefined) {
    process.stderr.write(`No fault is called '${unknown}'; 'vmq faults' lists those that there are.\n`);
    return 2;
  }
  const results = new Map(knownResults().map((result) => [result.fault, result]));
  // v86 says there when one of its cards drops a frame.
  console.log = () => undefined;
  for (const scenario of scenarios) {
    if (names.length > 0 && !names.includes(scenario.fault)) continue;
    const result = await tryFault(scenario);
    results.set(scenario.fault, result);
    const { fault, outcome, happened, hung = '' } = result;
    process.stderr.write(`${fault}: ${outcome}, happened ${happened} times. ${hung}\n`);
    for (const line of result.messages) process.stderr.write(`  ${line}\n`);
    const ordered = scenarios.flatMap((each) => results.get(each.fault) ?? []);
    const style = { ...(await resolveConfig(resultsFile)), filepath: resultsFile };
    writeFileSync(resultsFile, await format(JSON.stringify(ordered), style));
    writeFileSync(pageFile, page(ordered));
  }
  return 0;
}

function knownResults(): FaultResult[] {
  return existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as FaultResult[]) : [];
}
