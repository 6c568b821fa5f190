import type { MachineFiles } from './emulator.js';
import { UserError } from './errors.js';
import type { Guest } from './guest.js';
import { SnapshotStorage } from './snapshot.web.js';
import {
  sha256,
  startHere,
  startInWorkers,
  type CommonStartOptions,
  type CommonWorkersOptions,
  type StartSource,
} from './start.js';
import type { WorkerGuest } from './worker/guest.js';
import type { WorkerHost } from './worker/host.js';
import { spawnWorker } from './worker/spawn.web.js';

export interface StartOptions extends CommonStartOptions {
  readonly files: MachineFiles;
  /** v86's own WebAssembly (v86/build/v86.wasm). */
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** False boots anew whatever the browser's cache storage holds, and keeps nothing there. */
  readonly useCache?: boolean | undefined;
}

/** Starts guests in the page's own thread; otherwise as `startGuests` in Node. */
export function startGuests(options: StartOptions): Promise<Guest[]> {
  return startHere(options, () => source(options));
}

export interface StartWorkersOptions extends StartOptions, CommonWorkersOptions {
  /** What a worker runs; the package's own module when left out. */
  readonly script?: URL | undefined;
}

/** The headers without which browsers give a page no shared memory. */
const isolation = 'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';

/** Whether this page can have guests in workers, which share memory. */
export function canShareMemory(): boolean {
  return globalThis.crossOriginIsolated;
}

/**
 * The same with each guest in a worker of its own, as `startWorkerGuests` in Node.
 * @throws UserError where the page can't have shared memory
 */
export async function startWorkerGuests<H extends WorkerHost = WorkerHost>(
  options: StartWorkersOptions,
): Promise<WorkerGuest<H>[]> {
  if (!canShareMemory()) {
    throw new UserError(`Guests in workers need a page whose server sends the headers ${isolation}.`);
  }
  return startInWorkers(
    options,
    () => source(options),
    () => spawnWorker(options.script),
  );
}

async function source({ files, wasm, useCache = true }: StartOptions): Promise<StartSource> {
  const kept = useCache && SnapshotStorage.available;
  return {
    files,
    wasm: await WebAssembly.compile(wasm),
    emulator: kept ? await sha256(wasm) : '',
    snapshots: kept ? new SnapshotStorage() : undefined,
  };
}
