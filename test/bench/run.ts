import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { BenchResult } from '../../tools/bench/bench.js';

const program = fileURLToPath(new URL('../../tools/bench/bench.mjs', import.meta.url));

/** What the benchmark answered. */
export interface BenchRun {
  readonly status: number;
  readonly result: BenchResult;
  readonly progress: string;
}

/** Runs the benchmark as a person does, with --json. */
export function runBench(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<BenchRun> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...environment }, maxBuffer: 1 << 26 };
    const child = execFile(process.execPath, [program, '--json', ...args], options, (_, stdout, progress) => {
      try {
        resolve({ status: child.exitCode ?? -1, result: JSON.parse(stdout) as BenchResult, progress });
      } catch {
        reject(new Error(`the benchmark answered no JSON: ${stdout}\n${progress}`));
      }
    });
  });
}
