import type { FuzzOutcome } from './fuzz.js';
import type { FuzzOptions } from './options.js';

export interface StoredFinding {
  readonly finding: string;
  readonly input: string;
  readonly file: string;
}

/** What `npm run fuzz -- --json` prints. */
export interface FuzzReport {
  readonly seed: number;
  readonly seconds: number;
  readonly executions: number;
  readonly executionsPerSecond: number;
  /** Inputs that each reach something new. */
  readonly inputsKept: number;
  readonly findings: readonly (StoredFinding & { readonly replay: string })[];
  /** Of the lines with code in them, as translated. */
  readonly coverage: Readonly<Record<string, { lines: number; covered: number; percent: number }>>;
}

export function report(
  { seed, seconds }: FuzzOptions,
  { tally }: FuzzOutcome,
  findings: readonly StoredFinding[],
): FuzzReport {
  const sum = (which: 'lines' | 'covered'): number => tally.coverage.reduce((total, each) => total + each[which], 0);
  const all = { folder: 'all', lines: sum('lines'), covered: sum('covered') };
  return {
    seed,
    seconds,
    executions: tally.executions,
    executionsPerSecond: Math.round(tally.executions / seconds),
    inputsKept: tally.corpus,
    findings: findings.map((each) => ({ ...each, replay: `npm run -s fuzz -- --replay ${each.file}` })),
    coverage: Object.fromEntries(
      [...tally.coverage, all].map(({ folder, lines, covered }) => [
        folder,
        { lines, covered, percent: lines === 0 ? 0 : Math.round((1000 * covered) / lines) / 10 },
      ]),
    ),
  };
}

export function reportText(result: FuzzReport): string {
  const { executions, executionsPerSecond, inputsKept, findings, coverage, seed } = result;
  const found = findings.map(
    ({ finding, input, replay }) => `\n${finding}\n${input.replace(/^/gm, '  ').trimEnd()}\nAgain: ${replay}\n`,
  );
  const covered = Object.entries(coverage).map(
    ([folder, { percent, lines }]) => `  ${folder.padEnd(6)} ${percent.toFixed(1).padStart(5)} % of ${lines}\n`,
  );
  return `${executions} executions, ${executionsPerSecond} a second, from seed ${seed}; ${inputsKept} inputs kept
lines reached:
${covered.join('')}findings: ${findings.length}
${found.join('')}`;
}
