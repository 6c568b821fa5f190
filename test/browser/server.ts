import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface PageServer {
  /** Ends with a slash. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the server of `npm run web` on a free port, with the guest image in this folder. */
export async function servePage(image: string): Promise<PageServer> {
  const script = fileURLToPath(new URL('../../tools/web.mjs', import.meta.url));
  const server = spawn(process.execPath, [script, '--port', '0', '--image', image], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  const stop = async (): Promise<void> => {
    server.kill();
    await ended;
  };
  for await (const url of createInterface(server.stdout)) return { url, stop };
  throw new Error('The server of the page ended before it said its address.');
}
