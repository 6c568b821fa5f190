import { CommanderError } from 'commander';

import { GuestEnded, GuestTimeout, UserError } from '../vm/index.node.js';
import { Interrupted } from './interrupt.js';
import { createProgram } from './program.js';
import type { Streams } from './streams.js';

/** The exit statuses of the command, apart from 128 and the signal's number. */
export const exitStatus = { success: 0, failure: 1, badUse: 2 } as const;

/** Runs the command with its arguments, and answers its exit status. */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  let status: number = exitStatus.success;
  try {
    const program = createProgram(streams, (result) => (status = result));
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    const { status, message } = outcome(error);
    if (message !== '') streams.stderr.write(`${message}\n`);
    return status;
  }
}

/** What an error means to whoever called the command. Anything unknown is a mistake of ours, so it shows its stack. */
function outcome(error: unknown): { status: number; message: string } {
  if (error instanceof CommanderError) {
    // Help and version end like this too. Commander has written what there was to write.
    return { status: error.exitCode === 0 ? exitStatus.success : exitStatus.badUse, message: '' };
  }
  if (error instanceof UserError) return { status: exitStatus.badUse, message: error.message };
  if (error instanceof Interrupted) return { status: error.status, message: error.message };
  if (error instanceof GuestTimeout || error instanceof GuestEnded) {
    return { status: exitStatus.failure, message: error.message };
  }
  return {
    status: exitStatus.failure,
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
