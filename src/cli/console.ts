import { ConsoleSession } from './consoleSession.js';
import { ConsoleKeys } from './keys.js';
import type { Station } from './network.js';
import type { Input, Output, Streams } from './streams.js';

/**
 * Gives a person at a terminal the consoles of the guests, one at a time, beginning with guest 1's. It ends when they quit
 * or no guest is left; the terminal is then as it was before.
 * @throws the signal's reason
 */
export async function runConsole(stations: readonly Station[], streams: Streams, signal: AbortSignal): Promise<void> {
  const { stdin, stdout } = streams;
  await Promise.all(stations.map((station) => fitTerminal(station, stdout, signal)));
  const session = new ConsoleSession(stations, stdout);
  await session.open();
  signal.throwIfAborted();

  const keys = new ConsoleKeys(session);
  const onData = (data: string | Buffer): void => keys.press(data.toString());
  const onEnd = (): void => session.end();
  const onAbort = (): void => session.end(signal.reason as Error);
  stdin.on('data', onData);
  stdin.on('end', onEnd);
  signal.addEventListener('abort', onAbort);
  const restore = rawMode(stdin);
  try {
    await session.run();
  } finally {
    restore();
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Tells a guest how large the terminal is. */
async function fitTerminal({ guest }: Station, { rows, columns }: Output, signal: AbortSignal): Promise<void> {
  if (rows && columns) await guest.run(`stty -F /dev/ttyS0 rows ${rows} cols ${columns}`, { signal });
}

/** The terminal hands over each key as it is pressed, Ctrl-C too, until the answer is called. */
function rawMode(stdin: Input): () => void {
  stdin.setEncoding('utf8');
  stdin.setRawMode?.(true);
  stdin.resume();
  return () => {
    stdin.setRawMode?.(false);
    stdin.pause();
  };
}
