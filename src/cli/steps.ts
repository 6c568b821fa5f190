import { setImmediate as turn } from 'node:timers/promises';

import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';
import type { Output } from './streams.js';

/**
 * Says what is done now, and how much of the whole is done, 0 to 1. To be awaited.
 * @throws Interrupted when a signal asked the process to end
 */
export type Step = (text: string, fraction: number) => Promise<void>;

/** The longest that steps hold up the event loop, in milliseconds: timers draw progress in it, and signals come by it. */
const turnMs = 50;

/**
 * Does work in steps that are told on a stream. A signal ends it between two of them, in the way that an error does.
 * @throws Interrupted when a signal came before the work was done
 */
export async function inSteps<T>(stream: Output, work: (step: Step) => Promise<T>): Promise<T> {
  const progress = createProgress(stream);
  let turned = performance.now();
  const run = async (signal: AbortSignal): Promise<T> => {
    try {
      return await work(async (text, fraction) => {
        progress.step(text, fraction);
        if (performance.now() - turned >= turnMs) {
          await turn();
          turned = performance.now();
        }
        signal.throwIfAborted();
      });
    } finally {
      // A terminal sends its signal to the programs behind the work too: what these then fail with is no news.
      signal.throwIfAborted();
    }
  };
  try {
    return await interruptible(run);
  } finally {
    progress.stop();
  }
}
