import ora from 'ora';

import { canRedraw, coloursFor, type Output } from './streams.js';

/** Tells people what is going on. */
export interface Progress {
  /** What happens now, and how much of it is done, 0 to 1. */
  step(text: string, fraction?: number): void;
  /** What was done, to stay on the screen. */
  done(text: string): void;
  /** A line that comes in between. */
  note(text: string): void;
  /** Leaves the stream as it is; done more than once without harm. */
  stop(): void;
}

/** Progress on a stream: on a terminal one line that changes, else a line for each step. */
export function createProgress(stream: Output): Progress {
  return canRedraw(stream) ? spinner(stream) : lines(stream);
}

function spinner(stream: Output): Progress {
  const colours = coloursFor(stream);
  const color = colours.isColorSupported ? 'cyan' : false;
  const spinning = ora({ stream, color, isEnabled: true, discardStdin: false });
  return {
    step(text, fraction) {
      spinning.text = withPercentage(text, fraction);
      if (!spinning.isSpinning) spinning.start();
    },
    done: (text) => spinning.stopAndPersist({ symbol: colours.green('✔'), text }),
    note(text) {
      const again = spinning.isSpinning;
      spinning.stop();
      stream.write(`${text}\n`);
      if (again) spinning.start();
    },
    stop: () => spinning.stop(),
  };
}

/** The least time between two lines about the same work, in milliseconds, so that a log stays short. */
const quietMs = 2000;

function lines(stream: Output): Progress {
  let shown = '';
  let since = -Infinity;
  return {
    step(text, fraction) {
      const now = performance.now();
      if (text === shown || (fraction !== undefined && now - since < quietMs)) return;
      shown = text;
      since = fraction === undefined ? -Infinity : now;
      stream.write(`${text}\n`);
    },
    done: (text) => stream.write(`${text}\n`),
    note: (text) => stream.write(`${text}\n`),
    stop: () => undefined,
  };
}

function withPercentage(text: string, fraction: number | undefined): string {
  return fraction === undefined ? text : `${text} (${Math.round(100 * fraction)} %)`;
}
