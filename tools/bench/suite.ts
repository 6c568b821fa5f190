import type { MeasureResult } from './results.js';
import type { TargetName } from './targets.js';

/** How much is to be measured. */
export interface Extent {
  readonly runs: number;
  /** Length of each measurement that has one. */
  readonly seconds: number;
  /** How long guests carry traffic before anything is measured. */
  readonly warmUpSeconds: number;
  /** Fewer cells of large tables, to see that all works. */
  readonly quick: boolean;
  /** Names of suites, peers and measures; a kind of which none is named is measured whole. */
  readonly only: readonly string[];
}

/** What a suite is given. */
export interface SuiteContext extends Extent {
  /** Those of a suite's peers, or of its measures, that `only` names; all where it names none of them. */
  readonly chosen: <T extends { readonly name: string }>(all: readonly T[]) => readonly T[];
  /** Says on standard error what happens. */
  readonly progress: (text: string) => void;
}

/** Measures that belong together; each suite runs in a process of its own. */
export interface Suite {
  readonly name: string;
  /** One line for --list. */
  readonly help: string;
  /** What `only` may name of it. */
  readonly peers: readonly string[];
  readonly measures: readonly string[];
  /** Length of each measurement when nobody asks for another. */
  readonly seconds: number;
  /** Of its process: --expose-gc. */
  readonly nodeOptions?: readonly string[];
  run(context: SuiteContext): Promise<SuiteResult>;
}

/** What a suite found, as plain data. */
export interface SuiteResult {
  readonly measures: readonly MeasureResult[];
  /** For what the project has to show (see targets.ts): the ratio or count of each run. */
  readonly shown?: readonly Shown[];
  /** What could not be measured here, and why. */
  readonly skipped?: readonly Skipped[];
}

export interface Shown {
  readonly target: TargetName;
  readonly values: readonly number[];
}

export interface Skipped {
  /** A peer or a measure. */
  readonly what: string;
  readonly why: string;
}

/** Those that are named; all where none is. */
export function chosen<T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): readonly T[] {
  const named = all.filter(({ name }) => names.includes(name));
  return named.length > 0 ? named : all;
}

/**
 * The suites that measure anything of what is named: each of its kinds is either not named at all, or in part by a name. A
 * name of several kinds, as of a suite and its only measure, is the first.
 */
export function chosenSuites(suites: readonly Suite[], names: readonly string[]): readonly Suite[] {
  const kinds: ((suite: Suite) => readonly string[])[] = [
    ({ name }) => [name],
    ({ peers }) => peers,
    ({ measures }) => measures,
  ];
  let left = names;
  return kinds.reduce((found, namesOf) => {
    const wanted = left.filter((name) => suites.some((suite) => namesOf(suite).includes(name)));
    left = left.filter((name) => !wanted.includes(name));
    return wanted.length === 0 ? found : found.filter((suite) => namesOf(suite).some((name) => wanted.includes(name)));
  }, suites);
}
