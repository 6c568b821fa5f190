import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** What it says to every root user, whatever the file. */
const toRoot = /^Running as user "root" and group "root"\. This could be dangerous\.\n/;

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  /** What a program of Wireshark's complains of. */
  readonly stderr: string;
}

/** Runs one of Wireshark's programs to its end. @throws Error where it is not installed */
export function wireshark(program: 'tshark' | 'capinfos', args: readonly string[]): Run {
  const run = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.error) throw new Error(`${program} can't be run (${run.error.message}); apt-get install tshark brings it.`);
  return { status: run.status, stdout: run.stdout, stderr: run.stderr.replace(toRoot, '') };
}

/** What tshark finds in a file: for each frame the values of each field, in the order of the fields. */
export function dissectFile(file: string, fields: readonly string[], options: readonly string[] = []): string[][] {
  const format = ['-T', 'fields', '-E', 'separator=|', '-E', 'aggregator=;', ...fields.flatMap((name) => ['-e', name])];
  const { status, stdout, stderr } = wireshark('tshark', ['-n', '-r', file, ...options, ...format]);
  if (status !== 0 || stderr !== '') throw new Error(`tshark ended with status ${status}: ${stderr}`);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('|'));
}

/**
 * Rows of pings, whose last field is the sequence number, one ping after the other: threads that see them pass record them
 * each in its own time.
 */
export function bySequence(rows: readonly string[][]): string[][] {
  return rows.toSorted((a, b) => Number(a.at(-1)) - Number(b.at(-1)));
}

/** What so many pings leave there that pass the same places. */
export function passages(pings: number, places: readonly string[][]): string[][] {
  return Array.from({ length: pings }, (_, sequence) => places.map((place) => [...place, `${sequence}`])).flat();
}

/** tshark at the other end of a pipe: a line for each frame, as it comes. */
export function followPipe(pipe: string) {
  const child = spawn('tshark', ['-n', '-l', '-i', pipe, '-T', 'fields', '-e', 'frame.number', '-e', 'frame.len'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (more: string) => lines.push(...more.split('\n').slice(0, -1)));
  const stderr = text(child.stderr);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { lines, stderr, ended, kill: () => child.kill('SIGINT') };
}
