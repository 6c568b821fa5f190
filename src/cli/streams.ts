import picocolors from 'picocolors';

/** What a command reads and writes: the process's own streams, or those of a test. */
export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** A terminal, or anything that text can be read from. */
export type Input = NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };

/** A terminal, or anything that text can be written to. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; rows?: number; columns?: number };

export type Colours = ReturnType<typeof picocolors.createColors>;

/** Whether lines on this stream can be drawn over: a terminal that knows how to move its cursor, and how wide it is. */
export function canRedraw({ isTTY, columns = 0 }: Output): boolean {
  return isTTY === true && columns > 0 && process.env.TERM !== 'dumb';
}

/** The colours for a stream: none where it is no terminal, or NO_COLOR is set; FORCE_COLOR has them anywhere. */
export function coloursFor(stream: Output): Colours {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  return picocolors.createColors(!NO_COLOR && (Boolean(FORCE_COLOR) || (stream.isTTY === true && TERM !== 'dumb')));
}
