import { join } from 'node:path';

import { cacheDirectory } from './cache.node.js';
import { machineFiles, type OwnFiles } from './files.node.js';
import type { Guest } from './guest.js';
import type { GuestImageOptions } from './image/build.node.js';
import { SnapshotCache } from './snapshot.node.js';
import {
  startHere,
  startInWorkers,
  type CommonStartOptions,
  type CommonWorkersOptions,
  type StartSource,
} from './start.js';
import { v86Module, v86Version } from './v86.node.js';
import type { WorkerGuest } from './worker/guest.js';
import type { WorkerHost } from './worker/host.js';
import { spawnWorker } from './worker/spawn.node.js';

export interface StartOptions extends CommonStartOptions, OwnFiles {
  /** Which guest image, when no kernel of one's own is given. */
  readonly image?: Pick<GuestImageOptions, 'suite' | 'kernelPackage' | 'mirror' | 'packages'> | undefined;
  /** False boots anew whatever the cache holds, and keeps nothing there. */
  readonly useCache?: boolean | undefined;
  /** Where images and snapshots are kept; see cacheDirectory() for where that is when left out. */
  readonly cacheDirectory?: string | undefined;
}

/**
 * Starts guests named vm1, vm2, … (or from another number on), without cards. At most one of them boots; the others, and at the next start all of
 * them, go on from a snapshot of that one as it came to its shell.
 * @throws UserError when what is asked for cannot be booted
 * @throws GuestTimeout, GuestEnded when a guest does not come to a shell
 */
export function startGuests(options: StartOptions = {}): Promise<Guest[]> {
  return startHere(options, () => source(options));
}

export interface StartWorkersOptions extends StartOptions, CommonWorkersOptions {
  /** What a worker runs; the package's own module when left out. */
  readonly script?: URL | undefined;
}

/**
 * The same with each guest in a worker of its own, which has its emulator, its cards, and its part of a switch that joins
 * them all: frames cross from worker to worker in shared memory.
 * @typeParam H what the script's workers are, where it exposes more than `WorkerHost`
 */
export function startWorkerGuests<H extends WorkerHost = WorkerHost>(
  options: StartWorkersOptions = {},
): Promise<WorkerGuest<H>[]> {
  return startInWorkers(
    options,
    () => source(options),
    (index, count) => spawnWorker(options.script, { index, count }),
  );
}

async function source(options: StartOptions): Promise<StartSource> {
  const { kernel, initrd, image, signal, useCache = true, onProgress } = options;
  const caches = options.cacheDirectory ?? cacheDirectory();
  return {
    files: await machineFiles({ kernel, initrd }, { ...image, cacheDirectory: caches, signal, onProgress }),
    wasm: await v86Module(),
    emulator: v86Version(),
    snapshots: useCache ? new SnapshotCache(join(caches, 'snapshots')) : undefined,
  };
}
