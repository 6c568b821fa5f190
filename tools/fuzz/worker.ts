import { parentPort, workerData } from 'node:worker_threads';

import type { Input } from '../../src/lab/fuzz/index.js';
import { randomNumbers } from '../../src/virtio/random.js';
import { Coverage, type FolderCoverage } from './coverage.js';

/** What the worker is started with. */
export interface FuzzWork {
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
  /** Inputs to begin with, as text. */
  readonly corpus: readonly string[];
  /** Where the input that is being executed stands, as UTF-8, behind its length; its first word counts executions. */
  readonly current: SharedArrayBuffer;
}

export interface Tally {
  readonly executions: number;
  /** Inputs that each reach something that none before did. */
  readonly corpus: number;
  readonly coverage: readonly FolderCoverage[];
}

export type FuzzMessage =
  | { readonly kind: 'progress'; readonly tally: Tally }
  | { readonly kind: 'finding'; readonly finding: string; readonly input: string }
  | {
      readonly kind: 'done';
      readonly tally: Tally;
      readonly corpus: readonly string[];
      readonly missed: Map<string, string[]>;
    };

/** How many inputs are executed between two looks at what they reached. */
const batchSize = 8;
const progressMs = 500;

Error.stackTraceLimit = 3;
const work = workerData as FuzzWork;
const coverage = new Coverage(new URL('../../src/', import.meta.url));
// Only now, so that the loading of the device's modules is covered too.
const { execute, inputText, mutate, parseInput, pick, shrink, stepNames } = await import('../../src/lab/fuzz/index.js');

const counter = new Int32Array(work.current, 0, 2);
const currentBytes = new Uint8Array(work.current, 8);
const encoder = new TextEncoder();
const chance = randomNumbers(work.seed);
const corpus: Input[] = [];
const found = new Set<string>();
let executions = 0;

/** One finding in different places of memory, or with other counts, is one. */
const cause = (finding: string): string => finding.replace(/0x[0-9a-f]+|\d+/g, 'N');

function run(input: Input): string | undefined {
  const bytes = encoder.encode(inputText(input));
  currentBytes.set(bytes.subarray(0, currentBytes.length));
  counter[1] = Math.min(bytes.length, currentBytes.length);
  Atomics.add(counter, 0, 1);
  executions++;
  return execute(input).finding;
}

function runAndReport(input: Input): void {
  const finding = run(input);
  if (finding === undefined || found.has(cause(finding))) return;
  found.add(cause(finding));
  const small = shrink(input, (candidate) => {
    const other = run(candidate);
    return other !== undefined && cause(other) === cause(finding);
  });
  post({ kind: 'finding', finding: run(small) ?? finding, input: inputText(small) });
}

/** Executes an input by itself, and keeps it if it reaches something new. */
function consider(input: Input): void {
  runAndReport(input);
  if (coverage.fresh(true)) corpus.push(input);
}

function tally(): Tally {
  return { executions, corpus: corpus.length, coverage: coverage.report() };
}

function post(message: FuzzMessage): void {
  parentPort?.postMessage(message);
}

coverage.fresh(true);
for (const text of work.corpus) consider(parseInput(text));
if (corpus.length === 0) corpus.push([]);
const end = performance.now() + work.time;
let next = 0;
while (performance.now() < end) {
  const batch = Array.from({ length: batchSize }, () =>
    mutate(pick(chance, corpus), pick(chance, corpus), stepNames, chance),
  );
  batch.forEach(runAndReport);
  if (coverage.fresh(false)) batch.forEach(consider);
  if (performance.now() < next) continue;
  next = performance.now() + progressMs;
  post({ kind: 'progress', tally: tally() });
}
post({ kind: 'done', tally: tally(), corpus: corpus.map(inputText), missed: coverage.missed() });
