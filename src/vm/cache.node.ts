import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * The folder that keeps what is expensive to make: guest images, downloaded packages, snapshots.
 * It is $VMQ_CACHE, else virtio-mq in $XDG_CACHE_HOME, else ~/.cache/virtio-mq. It need not exist yet.
 */
export function cacheDirectory(): string {
  const { VMQ_CACHE, XDG_CACHE_HOME } = process.env;
  return VMQ_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'virtio-mq');
}

/**
 * Makes a folder of the cache, with those above it, where it is missing. Node's own way to do that never ends in a file
 * system that takes no folders, as the one below /proc.
 * @throws what `mkdir` throws
 */
export async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    const above = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === folder) throw error;
    await makeCacheFolder(above);
    await makeFolder(folder);
  }
}

/** Another process may have been quicker. */
async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}
