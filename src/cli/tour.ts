import { interruptible } from './interrupt.js';
import { Network, type NetworkOptions, type StationReport } from './network.js';
import { createProgress, type Progress } from './progress.js';
import type { Run } from './runs.js';
import { showCommand } from './showCommand.js';
import { haveWorkers } from './stations/inWorkers.js';
import { bootSummary } from './summary.js';
import { coloursFor, type Output, type Streams } from './streams.js';
import { tourEnd, tourSteps } from './tourSteps.js';
import { wrap } from './wrap.js';

export type TourSettings = Pick<NetworkOptions, 'image' | 'memoryMiB'>;

/** How long a command of the tour may take, in milliseconds. */
const timeoutMs = 60_000;

/** What a step of the tour works with. */
export interface Guide {
  /** How the guests and their cards are now. */
  readonly reports: () => Promise<readonly StationReport[]>;
  /** Shows a paragraph; like all that is shown, it comes after an empty line. */
  readonly say: (text: string) => void;
  /** Shows lines as they are. */
  readonly show: (text: string) => void;
  /** Shows a command and its output. Where it fails, the tour has failed. */
  readonly run: (guest: number, command: string) => Promise<Run>;
  /** Says that something is not as it should be: the tour has failed. */
  readonly fail: (sentence: string) => void;
}

/** `vmq tour`: two guests, four queue pairs, and what there is to see. Answers the exit status. */
export async function tour(settings: TourSettings, streams: Streams): Promise<number> {
  const { stdout, stderr } = streams;
  const progress = createProgress(stderr);
  try {
    return await interruptible(async (signal) => {
      const options = { ...settings, guests: 2, queuePairs: 4, backend: 'switch', workers: haveWorkers() } as const;
      const network = await Network.start(options, progress, signal);
      try {
        progress.done(bootSummary(network.stations));
        const failures = await walk(network, stdout, progress, signal);
        end(failures, stdout);
        return failures.length === 0 ? 0 : 1;
      } finally {
        await network.stop();
      }
    });
  } finally {
    progress.stop();
  }
}

/** Goes through the steps. Answers what failed, a sentence each. */
async function walk(
  network: Network,
  stdout: Output,
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { bold, cyan } = coloursFor(stdout);
  const failures: string[] = [];
  const fail = (sentence: string): void => {
    failures.push(sentence);
    progress.note(sentence);
  };
  const guide: Guide = {
    reports: () => network.reports(),
    fail,
    say: (text) => stdout.write(`\n${wrap(text, textWidth(stdout))}\n`),
    show: (text) => stdout.write(`\n${text}\n`),
    run: async (guest, command) => {
      const run = await showCommand(
        network.stations[guest - 1],
        command,
        { stdout },
        { timeoutMs, signal, onProblem: fail },
      );
      if (run.status !== 0) failures.push(`In guest ${guest}, ${command} failed with status ${run.status}.`);
      return run;
    },
  };
  for (const [index, step] of tourSteps.entries()) {
    stdout.write(`\n${bold(cyan(`${index + 1}. ${step.title}`))}\n`);
    await step.does(guide);
  }
  return failures;
}

function end(failures: readonly string[], stdout: Output): void {
  const { bold, cyan, red } = coloursFor(stdout);
  if (failures.length > 0) {
    stdout.write(`\n${bold(red('Not everything worked'))}\n\n${failures.join('\n')}\n`);
    return;
  }
  stdout.write(`\n${bold(cyan('What to try next'))}\n\n${tourEnd}\n`);
}

/** Lines are not so long that they are hard to read. */
function textWidth({ columns = 100 }: Output): number {
  return Math.max(40, Math.min(columns, 100) - 1);
}
