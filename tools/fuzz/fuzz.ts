import { Worker } from 'node:worker_threads';

import type { FuzzMessage, FuzzWork, Tally } from './worker.js';

export interface FuzzFinding {
  readonly finding: string;
  /** As text, as small as it could be made. */
  readonly input: string;
}

export interface FuzzOutcome {
  readonly tally: Tally;
  readonly findings: readonly FuzzFinding[];
  readonly corpus: readonly string[];
  readonly missed: ReadonlyMap<string, readonly string[]>;
}

/** An execution takes a thousandth of this. One that takes longer will never end. */
const endlessMs = 20_000;
const currentBytes = 1 << 16;

/** Fuzzes in a thread of its own, which can be stopped if the card never comes back. */
export async function fuzz(options: {
  readonly seconds: number;
  readonly seed: number;
  readonly corpus: readonly string[];
}): Promise<FuzzOutcome> {
  const current = new SharedArrayBuffer(currentBytes);
  const work: FuzzWork = { ...options, time: 1000 * options.seconds, current };
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: work });
  const findings: FuzzFinding[] = [];
  let tally: Tally = { executions: 0, corpus: 0, coverage: [] };
  return new Promise((resolve, reject) => {
    const finish = (corpus: readonly string[], missed: FuzzOutcome['missed']): void => {
      clearInterval(watch);
      showProgress('');
      void worker.terminate();
      resolve({ tally, findings, corpus, missed });
    };
    const watch = watchdog(current, (input) => {
      findings.push({ finding: `the card did not come back within ${endlessMs / 1000} s`, input });
      finish([], new Map());
    });
    worker.on('error', (error) => {
      clearInterval(watch);
      reject(error instanceof Error ? error : new Error(String(error)));
    });
    worker.on('message', (message: FuzzMessage) => {
      if (message.kind === 'finding') {
        findings.push(message);
        return;
      }
      tally = message.tally;
      if (message.kind === 'done') finish(message.corpus, message.missed);
      else showProgress(`${tally.executions} executions, ${tally.corpus} inputs kept, ${findings.length} findings`);
    });
  });
}

/** Tells of the input that is being executed when that does not end. */
function watchdog(current: SharedArrayBuffer, endless: (input: string) => void): NodeJS.Timeout {
  const counter = new Int32Array(current, 0, 2);
  let last = -1;
  let since = 0;
  return setInterval(() => {
    const now = Atomics.load(counter, 0);
    if (now !== last || now === 0) {
      last = now;
      since = performance.now();
    } else if (performance.now() - since > endlessMs) {
      endless(Buffer.from(new Uint8Array(current, 8, counter[1])).toString());
    }
  }, 500);
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
