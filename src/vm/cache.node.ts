import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder that keeps what is expensive to make: guest images, downloaded packages, snapshots.
 * It is $VMQ_CACHE, else virtio-mq in $XDG_CACHE_HOME, else ~/.cache/virtio-mq. It need not exist yet.
 */
export function cacheDirectory(): string {
  const { VMQ_CACHE, XDG_CACHE_HOME } = process.env;
  return VMQ_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'virtio-mq');
}
