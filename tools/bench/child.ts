import { UserError } from '../../src/vm/errors.js';
import type { Outcome } from './bench.js';
import { chosen, type Extent } from './suite.js';
import { suites } from './suites.js';

/** What the process of a suite runs: it is told the suite's name and how much to measure, and sends what was found. */
async function outcome([name, json]: readonly string[]): Promise<Outcome> {
  const extent = JSON.parse(json) as Extent;
  const suite = suites.find((one) => one.name === name);
  if (!suite) return { failed: `there is no suite '${name}'` };
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    return { result: await suite.run({ ...extent, chosen: (all) => chosen(all, extent.only), progress }) };
  } catch (error) {
    const { message, stack = message } = error as Error;
    if (!(error instanceof UserError)) progress(stack);
    return { failed: message };
  }
}

// v86 says there when one of its cards drops a frame.
console.log = () => undefined;
process.once('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
// Whatever a suite leaves behind ends with its process.
process.send!(await outcome(process.argv.slice(2)), () => process.exit());
