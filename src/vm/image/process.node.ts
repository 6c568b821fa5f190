import { spawn } from 'node:child_process';

import { UserError } from '../errors.js';

export interface ProcessOptions {
  readonly directory?: string;
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line that the program writes to file descriptor 3. */
  readonly onStatus?: (line: string) => void;
}

export interface ProcessResult {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The Debian package that has each program we start, for the message when it is missing. */
const packageOf: Record<string, string> = {
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'dpkg-deb': 'dpkg',
  xz: 'xz-utils',
};

/**
 * Runs a program to its end, in the C locale so that its messages can be read. Answers whatever its exit status is.
 * @throws UserError when the program is not on this machine; the signal's reason, once the program has ended
 */
export function run(program: string, args: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.directory,
      env: { ...process.env, LC_ALL: 'C', LANGUAGE: 'C' },
      signal: options.signal,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let statusLine = '';
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      const lines = (statusLine + chunk.toString()).split('\n');
      statusLine = lines.pop() ?? '';
      lines.forEach((line) => options.onStatus?.(line));
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      // The program was told to end, and 'close' comes when it has: until then it may still write to its files.
      if (error.name === 'AbortError') return;
      const missing = error.code === 'ENOENT' && error.syscall?.startsWith('spawn');
      reject(missing ? missingProgram(program) : error);
    });
    child.on('close', (status) => {
      if (options.signal?.aborted) reject(options.signal.reason as Error);
      else resolve({ status: status ?? 1, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

function missingProgram(program: string): UserError {
  return new UserError(
    `Building a guest image needs ${program} (Debian's package ${packageOf[program] ?? program}), which is not on ` +
      `this machine; install it, or boot files of your own with --kernel FILE --initrd FILE.`,
  );
}
