import { fork } from 'node:child_process';
import { cpus } from 'node:os';

import type { MeasureResult } from './results.js';
import type { Extent, Skipped, Suite, SuiteResult } from './suite.js';
import { targetResults, type TargetResult } from './targets.js';

export interface BenchResult {
  readonly runs: number;
  readonly machine: { readonly node: string; readonly cores: number; readonly processor: string };
  readonly suites: readonly SuiteRun[];
  readonly measures: readonly (MeasureResult & { readonly suite: string })[];
  readonly targets: readonly TargetResult[];
  readonly skipped: readonly (Skipped & { readonly suite: string })[];
}

/** How a suite went. */
export interface SuiteRun {
  readonly name: string;
  /** How long it took. */
  readonly seconds: number;
  /** Why there are no results of it. */
  readonly failed?: string;
}

export interface BenchExtent extends Omit<Extent, 'seconds'> {
  /** Each suite's own when left out. */
  readonly seconds?: number | undefined;
}

/** Runs a suite and answers what it found. @throws Error when it fails */
export type RunSuite = (suite: Suite, extent: Extent) => Promise<SuiteResult>;

/** Runs suites, one after the other. One that fails is named in the result, and the others go on. */
export async function bench(
  suites: readonly Suite[],
  extent: BenchExtent,
  progress: (text: string) => void,
  run: RunSuite = runInProcess,
): Promise<BenchResult> {
  const found: { readonly how: SuiteRun; readonly result?: SuiteResult }[] = [];
  for (const suite of suites) {
    const { name } = suite;
    progress(`suite ${name}: ${suite.help}`);
    const started = performance.now();
    const seconds = (): number => Math.round((performance.now() - started) / 1000);
    try {
      const result = await run(suite, { ...extent, seconds: extent.seconds ?? suite.seconds });
      found.push({ how: { name, seconds: seconds() }, result });
    } catch (error) {
      const { message } = error as Error;
      progress(`suite ${name} failed: ${message}`);
      found.push({ how: { name, seconds: seconds(), failed: message } });
    }
  }
  const all = found.map(({ how, result }) => ({ suite: how.name, ...result }));
  return {
    runs: extent.runs,
    machine: { node: process.version, cores: cpus().length, processor: cpus()[0].model },
    suites: found.map(({ how }) => how),
    measures: all.flatMap(({ suite, measures = [] }) => measures.map((measure) => ({ suite, ...measure }))),
    targets: targetResults(all.flatMap(({ shown = [] }) => shown)),
    skipped: all.flatMap(({ suite, skipped = [] }) => skipped.map((one) => ({ suite, ...one }))),
  };
}

/** What the process of a suite sends. */
export type Outcome = { readonly result: SuiteResult } | { readonly failed: string };

/**
 * In a process of its own: neither what V8 made of the code for another suite, nor its memory, nor its guests are there.
 */
function runInProcess(suite: Suite, extent: Extent): Promise<SuiteResult> {
  const child = fork(new URL('./child.js', import.meta.url), [suite.name, JSON.stringify(extent)], {
    execArgv: [...process.execArgv, ...(suite.nodeOptions ?? [])],
    // Standard output is the result's.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    let outcome: Outcome | undefined;
    child.once('message', (message) => (outcome = message as Outcome));
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (outcome && 'result' in outcome) resolve(outcome.result);
      else reject(new Error(outcome?.failed ?? `its process ended with ${signal ?? `status ${String(status)}`}`));
    });
  });
}
