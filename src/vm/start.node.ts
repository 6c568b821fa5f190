import { join } from 'node:path';

import { leastRingBytes } from '../fabric/index.js';
import { cacheDirectory } from './cache.node.js';
import { UserError } from './errors.js';
import { machineFiles, type OwnFiles } from './files.node.js';
import {
  defaultMemoryMiB,
  Guest,
  kernelCommandLine,
  type BootOptions,
  type GuestOptions,
  type RunningGuest,
} from './guest.js';
import type { GuestImageOptions } from './image/build.node.js';
import { digest } from './image/recipe.node.js';
import { SnapshotCache } from './snapshot.node.js';
import { v86Module, v86Version } from './v86.node.js';
import { WorkerGuest, type WorkerGuestOptions } from './worker/guest.js';
import { spawnWorker } from './worker/spawn.node.js';

export interface StartOptions
  extends Pick<GuestOptions, 'memoryMiB' | 'commandLine' | 'bootTimeoutMs' | 'signal'>, OwnFiles {
  /** How many guests; 2 when left out. */
  readonly count?: number | undefined;
  /** Which guest image, when no kernel of one's own is given. */
  readonly image?: Pick<GuestImageOptions, 'suite' | 'kernelPackage' | 'mirror'> | undefined;
  /** False boots anew whatever the cache holds, and keeps nothing there. */
  readonly useCache?: boolean | undefined;
  /** Where images and snapshots are kept; see cacheDirectory() for where that is when left out. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: ((progress: StartProgress) => void) | undefined;
  /** Called with what the consoles show; guests count from 1. */
  readonly onText?: ((text: string, guest: number) => void) | undefined;
}

export interface StartProgress {
  /** What is happening, for a person: "booting guest 1". */
  readonly step: string;
  /** How much of building the image is done, 0 to 1; only then. */
  readonly fraction?: number | undefined;
}

/** Raise this when the guests in snapshots are set up in another way than before. */
const snapshotVersion = 2;

/**
 * Starts guests named vm1, vm2, …, without cards. At most one of them boots; the others, and at the next start all of
 * them, go on from a snapshot of that one as it came to its shell.
 * @throws UserError when what is asked for cannot be booted
 * @throws GuestTimeout, GuestEnded when a guest does not come to a shell
 */
export function startGuests(options: StartOptions = {}): Promise<Guest[]> {
  return startAll(options, (guestOptions) => Guest.create(guestOptions));
}

export interface StartWorkersOptions extends StartOptions, Pick<WorkerGuestOptions, 'deadline'> {
  /** Rings in each direction between two guests; 4 when left out. More than a card has queue pairs are of no use. */
  readonly lanes?: number | undefined;
  /** What a worker runs; the package's own module when left out. */
  readonly script?: URL | undefined;
}

/**
 * The same with each guest in a worker of its own, which has its emulator, its cards, and its part of a switch that joins
 * them all: frames cross from worker to worker in shared memory.
 */
export async function startWorkerGuests(options: StartWorkersOptions = {}): Promise<WorkerGuest[]> {
  const { lanes = 4, deadline, script } = options;
  const guests = await startAll(options, (guestOptions) =>
    WorkerGuest.create(spawnWorker(script), { ...guestOptions, deadline }),
  );
  const ringBytes = ringBytesFor(guests.length, lanes);
  for (const [i, guest] of guests.entries()) {
    for (const [j, other] of guests.slice(0, i).entries()) {
      await WorkerGuest.join([guest, other], [`guest ${i + 1}`, `guest ${j + 1}`], { lanes, ringBytes });
    }
  }
  return guests;
}

/** All rings together take no more than this, as long as each can hold a frame. */
const allRingsBytes = 1 << 28;
const mostRingBytes = 1 << 20;

function ringBytesFor(guests: number, lanes: number): number {
  const rings = guests * (guests - 1) * lanes;
  let bytes = mostRingBytes;
  while (bytes > leastRingBytes && bytes * rings > allRingsBytes) bytes /= 2;
  return bytes;
}

async function startAll<G extends RunningGuest>(
  options: StartOptions,
  make: (options: BootOptions) => Promise<G>,
): Promise<G[]> {
  const { count = 2, memoryMiB = defaultMemoryMiB, commandLine, bootTimeoutMs, signal, useCache = true } = options;
  if (!Number.isInteger(count) || count < 1) throw new UserError(`The number of guests is 1 or more; ${count} is not.`);
  const progress = (step: string): void => options.onProgress?.({ step });
  const caches = options.cacheDirectory ?? cacheDirectory();
  const { kernel, initrd, image } = options;
  const files = await machineFiles(
    { kernel, initrd },
    { ...image, cacheDirectory: caches, signal, onProgress: options.onProgress },
  );
  const wasm = await v86Module();
  const guests: G[] = [];
  const create = async (snapshot: ArrayBuffer | undefined): Promise<G> => {
    const number = guests.length + 1;
    progress(`${snapshot ? 'starting' : 'booting'} guest ${number}`);
    const onText = (text: string): void => options.onText?.(text, number);
    const guest = await make({ files, wasm, memoryMiB, commandLine, bootTimeoutMs, signal, snapshot, onText });
    guests.push(guest);
    return guest;
  };

  const cache = new SnapshotCache(join(caches, 'snapshots'));
  const key = digest(
    ...[files.bios, files.vgaBios, files.kernel ?? '', files.initrd ?? ''],
    JSON.stringify([snapshotVersion, v86Version(), memoryMiB, kernelCommandLine(commandLine)]),
  );
  let kept: Promise<void> | undefined;
  try {
    let snapshot = useCache ? await cache.read(key) : undefined;
    if (snapshot) {
      try {
        await create(snapshot);
      } catch {
        signal?.throwIfAborted();
        progress('the snapshot is of no use, so the guest boots anew');
        await cache.remove(key);
        snapshot = undefined;
      }
    }
    if (!snapshot) {
      const first = await create(undefined);
      progress('taking a snapshot');
      snapshot = await first.save();
      if (useCache) {
        kept = cache.write(key, snapshot).catch((error: unknown) => progress(`no snapshot was kept: ${String(error)}`));
      }
    }
    while (guests.length < count) await create(snapshot);
    await Promise.all(guests.map((guest, index) => guest.personalise(`vm${index + 1}`)));
    return guests;
  } catch (error) {
    await Promise.all(guests.map((guest) => guest.stop()));
    throw error;
  } finally {
    await kept;
  }
}
