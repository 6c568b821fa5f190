import type { Capture, CaptureCounters, CaptureSink, MergedCapture } from '../fabric/index.js';
import { openCaptureFile, openCaptureOutput } from '../fabric/index.node.js';
import { UserError } from '../vm/index.node.js';
import { LateSink } from './lateSink.js';
import type { Progress } from './progress.js';
import type { Streams } from './streams.js';
import { packageVersion } from './version.js';

/** What `vmq boot --capture` asks for. */
export interface CaptureSettings {
  /** A path, or `standardOutput`. */
  readonly file: string;
  /** The most bytes of each frame that are kept; all when left out. */
  readonly snapLength?: number | undefined;
}

/** What `vmq boot --capture --json` tells of the capture. */
export interface CaptureReport {
  readonly file: string;
  readonly ports: readonly CaptureCounters[];
  /** Why it ended early. */
  readonly failure?: string | undefined;
}

export const standardOutput = '-';

/** A capture that is to be: of one thread, or of several. */
export interface CaptureWish {
  /** It begins when the guests are there: until then there may be something wrong with what is asked for. */
  readonly sink: LateSink;
  readonly snapLength: number | undefined;
  readonly application: string;
}

/** A capture under way. */
export type RunningCapture = Pick<Capture | MergedCapture, 'close' | 'counters' | 'failure'>;

/** Opens what a capture is written to. @throws UserError where it can't be written */
export async function openCapture(
  { file, snapLength }: CaptureSettings,
  streams: Streams,
  progress: Progress,
  signal: AbortSignal,
): Promise<CaptureWish> {
  const sink = file === standardOutput ? await openOutput(streams) : await openFile(file, progress, signal);
  return { sink: new LateSink(sink), snapLength, application: `virtio-mq ${packageVersion()}` };
}

async function openOutput({ stdout }: Streams): Promise<CaptureSink> {
  if (!stdout.isTTY) return openCaptureOutput(stdout);
  throw new UserError("'--capture -' writes to standard output, which is a terminal; a file or a pipe would do.");
}

async function openFile(file: string, progress: Progress, signal: AbortSignal): Promise<CaptureSink> {
  const onWait = (): void => progress.step(`waiting for somebody to read ${file}`);
  try {
    return await openCaptureFile(file, { signal, onWait });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(
      `--capture takes a file that can be written; '${file}' is not one: ${reasons[code] ?? message}.`,
    );
  }
}

const reasons: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'there is no such folder',
  EISDIR: 'it is a folder',
  EACCES: 'that is not allowed',
  EROFS: 'nothing can be written there',
};

/** Ends a capture, and says how much of it there is. */
export async function endCapture(capture: RunningCapture, { file }: CaptureSettings): Promise<CaptureReport> {
  await capture.close();
  return { file, ports: await capture.counters(), failure: capture.failure?.message };
}

/** In one line: "captured 120 frames in a.pcapng; 3 more could not be written in time". */
export function captureSummary({ file, ports, failure }: CaptureReport): string {
  const sum = (what: 'written' | 'missed'): number => ports.reduce((all, port) => all + port[what], 0);
  const where = file === standardOutput ? 'on standard output' : `in ${file}`;
  const ended = failure === undefined ? '' : `; the capture ended early: ${failure}`;
  const missed = sum('missed') === 0 ? '' : `; ${sum('missed')} more could not be written in time`;
  return `captured ${sum('written')} frames ${where}${missed}${ended}`;
}
