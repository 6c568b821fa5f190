import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { UserError } from '../../src/vm/errors.js';
import { execute, inputText, parseInputs, type Input } from '../../src/lab/fuzz/index.js';
import { fuzz, type FuzzFinding } from './fuzz.js';
import { helpText, parseOptions } from './options.js';
import { report, reportText } from './report.js';

const corpusFolder = 'test/fuzz/corpus';
const reachedFile = `${corpusFolder}/reached.txt`;

/** Answers the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) {
      process.stdout.write(helpText);
      return 0;
    }
    if (options.replay !== undefined) return replay(options.replay);
    const outcome = await fuzz({ ...options, corpus: corpus().map(inputText) });
    const findings = outcome.findings.map(store);
    const result = report(options, outcome, findings);
    process.stdout.write(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : reportText(result));
    if (options.missed) process.stdout.write(missedText(outcome.missed));
    if (options.keep) keep(outcome.corpus);
    return findings.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

function corpus(): Input[] {
  return corpusFiles().flatMap(inputsOf);
}

function corpusFiles(): string[] {
  return readdirSync(corpusFolder).map((name) => `${corpusFolder}/${name}`);
}

/** Inputs that no other file has replace those of the last time. */
function keep(inputs: readonly string[]): void {
  const others = corpusFiles().filter((file) => file !== reachedFile);
  const known = new Set(others.flatMap(inputsOf).map(inputText));
  writeFileSync(reachedFile, inputs.filter((text) => !known.has(text)).join('\n'));
}

/** @throws UserError for a file that can't be read or holds no inputs */
function inputsOf(path: string): Input[] {
  try {
    return parseInputs(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`'${path}' is no file of inputs: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function replay(path: string): number {
  const findings = inputsOf(path).map((input) => execute(input).finding);
  findings.forEach((finding, index) => process.stdout.write(`input ${index + 1}: ${finding ?? 'nothing found'}\n`));
  return findings.some((finding) => finding !== undefined) ? 1 : 0;
}

/** Writes a finding to a file of its own, which it answers. */
function store({ finding, input }: FuzzFinding, index: number) {
  const file = `fuzz-finding-${index + 1}.txt`;
  const comment = finding.replaceAll('\n', ' ');
  writeFileSync(file, `# ${comment}\n${input}`);
  return { finding, input, file };
}

function missedText(missed: ReadonlyMap<string, readonly string[]>): string {
  return Array.from(missed, ([file, lines]) => `${file}\n${lines.map((line) => `  ${line}\n`).join('')}`).join('');
}
