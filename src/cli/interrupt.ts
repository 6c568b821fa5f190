import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type SignalName = (typeof signals)[number];

/** A signal asked the process to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** The exit status that tells of it. */
  readonly status: number;

  constructor(signal: SignalName) {
    super('Stopped.');
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * Does work that a signal stops: the first one aborts the work's AbortSignal, so that it can clean up, with Interrupted
 * as the reason; a second one ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const listener = (name: SignalName): void => {
    const reason = new Interrupted(name);
    if (controller.signal.aborted) process.exit(reason.status);
    controller.abort(reason);
  };
  for (const name of signals) process.on(name, listener);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, listener);
  }
}

/** Waits until a signal is aborted; it may have been before. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
