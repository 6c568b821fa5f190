import { GuestEnded, GuestTimeout } from '../vm/index.node.js';
import type { Station } from './network.js';

/** A shell command, and the number of the guest that runs it. */
export interface GuestCommand {
  readonly guest: number;
  readonly command: string;
}

/** What became of a command. */
export interface Run extends GuestCommand {
  /** The exit status that the guest's shell gave, or one of `lostStatus`. */
  readonly status: number;
  /** What it wrote to standard output and standard error, in the order it came. */
  readonly stdout: string;
}

/** The statuses of commands that came to no end of their own: as timeout(1) has it, and as ssh(1) has it. */
export const lostStatus = { timeout: 124, guestEnded: 255 } as const;

export interface RunningOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called with output as it comes. */
  readonly onText?: (text: string) => void;
  /** Called with a sentence about a command that came to no end. */
  readonly onProblem: (sentence: string) => void;
}

/** Runs a command in a guest. One that takes too long, or whose guest ends, is a run with a status of its own. */
export async function runCommand(station: Station, command: string, options: RunningOptions): Promise<Run> {
  const { timeoutMs, signal, onText, onProblem } = options;
  let shown = '';
  const detach = station.guest.console.attach((text) => {
    shown += text;
    onText?.(text);
  });
  try {
    const { status, output } = await station.guest.run(command, { timeoutMs, signal });
    return { guest: station.number, command, status, stdout: output };
  } catch (error) {
    const status = lost(error);
    if (status === undefined) throw error;
    onProblem(`Guest ${station.number}: ${(error as Error).message}`);
    return { guest: station.number, command, status, stdout: shown };
  } finally {
    detach();
  }
}

function lost(error: unknown): number | undefined {
  if (error instanceof GuestTimeout) return lostStatus.timeout;
  if (error instanceof GuestEnded) return lostStatus.guestEnded;
  return undefined;
}
