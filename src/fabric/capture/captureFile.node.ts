import { constants, fstatSync, open as openDescriptor } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { CaptureSink } from './capture.js';

export interface OpenCaptureOptions {
  /** Gives up waiting for the reader of a named pipe. */
  readonly signal?: AbortSignal;
  /** Called once when nobody reads the named pipe yet. */
  readonly onWait?: () => void;
}

/**
 * A file to write a capture to. What is in it stays until something is written, and one that is made for it goes again
 * where nothing is. A named pipe is waited for until somebody reads it; a reader that is slow or stuck holds up nothing,
 * and when it goes the capture fails.
 * @throws Error with a `code` where the file can't be written; the signal's reason
 */
export async function openCaptureFile(path: string, options: OpenCaptureOptions = {}): Promise<CaptureSink> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFIFO()) return openPipe(path, options);
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT);
  let begun = false;
  return {
    write: async (bytes) => {
      // Devices have no length.
      if (!begun && found?.isFile()) await file.truncate();
      begun = true;
      for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
    },
    close: async () => {
      await file.close();
      if (!begun && !found) await rm(path, { force: true });
    },
  };
}

/** This process's standard output to write a capture to: a file or a pipe. */
export async function openCaptureOutput(output: NodeJS.WritableStream): Promise<CaptureSink> {
  // Node waits for the reader of a pipe that is its standard output: opened once more, it does not.
  if (process.platform === 'linux' && fstatSync(1).isFIFO()) return openPipe('/proc/self/fd/1', {});
  return streamSink(output, () => Promise.resolve());
}

/** How often somebody is looked for who reads a named pipe, in milliseconds. */
const lookMs = 50;

async function openPipe(path: string, { signal, onWait }: OpenCaptureOptions): Promise<CaptureSink> {
  let fd = await openIfRead(path);
  if (fd === undefined) onWait?.();
  while (fd === undefined) {
    await sleep(lookMs);
    signal?.throwIfAborted();
    fd = await openIfRead(path);
  }
  const socket = new Socket({ fd, readable: false, writable: true });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return streamSink(socket, () => {
    socket.destroy();
    return closed;
  });
}

/** Opens a pipe so that neither this nor a write ever waits for its reader; undefined while there is none. */
async function openIfRead(path: string): Promise<number | undefined> {
  try {
    return await promisify(openDescriptor)(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return undefined;
    throw error;
  }
}

function streamSink(stream: NodeJS.WritableStream, close: () => Promise<void>): CaptureSink {
  // What goes wrong is told to whoever writes.
  stream.on('error', () => undefined);
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    close,
  };
}
