import type { CaseResult } from './run.js';

/** What came of a case on one target. */
export type Outcome = Pick<CaseResult, 'result' | 'seen'>;

/** A case, and what came of it on each target, by its name. */
export interface ComparedCase extends Omit<CaseResult, 'result' | 'seen'> {
  readonly results: Readonly<Record<string, Outcome>>;
}

/** The cases of one target. */
export interface Run {
  readonly target: string;
  readonly results: readonly CaseResult[];
}

export interface ResultCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The same cases side by side. */
export function sideBySide(runs: readonly Run[]): ComparedCase[] {
  return runs[0].results.map((one, at) => ({
    case: one.case,
    statements: one.statements,
    section: one.section,
    expected: one.expected,
    results: Object.fromEntries(
      runs.map(({ target, results }) => {
        const { result, seen } = results[at];
        return [target, { result, seen }];
      }),
    ),
  }));
}

/** Whether the targets differ in a case: one passes, fails or skips it and another does not. */
export function differs({ results }: Pick<ComparedCase, 'results'>): boolean {
  return new Set(Object.values(results).map(({ result }) => result)).size > 1;
}

/** How many of these results are of each kind. */
export function count(results: readonly Pick<CaseResult, 'result'>[]): ResultCounts {
  const of = (wanted: CaseResult['result']): number => results.filter(({ result }) => result === wanted).length;
  return { passed: of('pass'), failed: of('fail'), skipped: of('skip') };
}
