import type { Switch } from '../fabric/index.js';
import { switchLimits } from '../fabric/limits.js';
import type { MachineFiles } from './emulator.js';
import { UserError } from './errors.js';
import {
  defaultMemoryMiB,
  Guest,
  kernelCommandLine,
  type BootOptions,
  type GuestOptions,
  type RunningGuest,
} from './guest.js';
import { WorkerGuest, type GuestWorker, type WorkerGuestOptions } from './worker/guest.js';
import type { WorkerHost } from './worker/host.js';
import { LocalMember, mesh, type Member } from './worker/mesh.js';

/** What guests are started with, wherever that is. */
export interface CommonStartOptions extends Pick<
  GuestOptions,
  'memoryMiB' | 'commandLine' | 'bootTimeoutMs' | 'signal'
> {
  /** How many guests; 2 when left out. */
  readonly count?: number | undefined;
  /** The first guest's number, for names and reports; 1 when left out. Guests that meet those of others need others. */
  readonly first?: number | undefined;
  readonly onProgress?: ((progress: StartProgress) => void) | undefined;
  /** Called with what the consoles show. */
  readonly onText?: ((text: string, guest: number) => void) | undefined;
}

export interface StartProgress {
  /** What is happening, for a person: "booting guest 1". */
  readonly step: string;
  /** How much of building the image is done, 0 to 1; only then. */
  readonly fraction?: number | undefined;
}

/** What guests in workers are started with besides. */
export interface CommonWorkersOptions extends Pick<WorkerGuestOptions, 'deadline'> {
  /** Rings in each direction between two guests, 1 to 256; 4 when left out. More than a card has queue pairs are of no use. */
  readonly lanes?: number | undefined;
  /** A switch of this thread that is joined with those of the guests: for ports that live here. */
  readonly fabric?: Switch | undefined;
}

/** Where saved states are kept, by names that change with all that they depend on. */
export interface SnapshotStore {
  /** Answers undefined when there is none, or it is damaged. */
  read(key: string): Promise<ArrayBuffer | undefined>;
  write(key: string, state: ArrayBuffer): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What all guests start from. */
export interface StartSource {
  readonly files: MachineFiles;
  /** v86's own WebAssembly, compiled. */
  readonly wasm: WebAssembly.Module;
  /** What tells this emulator from others, whose saved states it can't take. */
  readonly emulator: string;
  readonly snapshots: SnapshotStore | undefined;
}

/** Raise this when the guests in snapshots are set up in another way than before. */
const snapshotVersion = 2;

/** Starts guests in this thread, see `startGuests`. */
export function startHere(options: CommonStartOptions, source: () => Promise<StartSource>): Promise<Guest[]> {
  return startAll(options, source, (guestOptions) => Guest.create(guestOptions));
}

/**
 * Starts guests in workers, and joins the switches of all, see `startWorkerGuests`.
 * @throws UserError, RangeError for an option out of its range, before anything is started
 */
export async function startInWorkers<H extends WorkerHost = WorkerHost>(
  options: CommonStartOptions & CommonWorkersOptions,
  source: () => Promise<StartSource>,
  spawn: (index: number, count: number) => GuestWorker,
): Promise<WorkerGuest<H>[]> {
  const { count = 2, first = 1, lanes = 4, deadline, fabric } = options;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 256) {
    throw new UserError(`The number of lanes is 1 to 256; ${lanes} is not.`);
  }
  switchLimits({ deadline });
  const guests = await startAll(options, source, (guestOptions, index) =>
    WorkerGuest.create<H>(spawn(index, count), { ...guestOptions, deadline }),
  );
  const members = guests.map((guest, i): [string, Member] => [`guest ${first + i}`, guest.member]);
  if (fabric) members.push(['host', new LocalMember(fabric)]);
  try {
    await mesh(new Map(members), lanes);
    return guests;
  } catch (error) {
    await Promise.all(guests.map((guest) => guest.stop()));
    throw error;
  }
}

async function startAll<G extends RunningGuest>(
  options: CommonStartOptions,
  source: () => Promise<StartSource>,
  make: (options: BootOptions, index: number) => Promise<G>,
): Promise<G[]> {
  const { count = 2, first = 1, memoryMiB = defaultMemoryMiB, commandLine, bootTimeoutMs, signal } = options;
  if (!Number.isInteger(count) || count < 1) throw new UserError(`The number of guests is 1 or more; ${count} is not.`);
  const progress = (step: string): void => options.onProgress?.({ step });
  const { files, wasm, emulator, snapshots } = await source();
  const guests: G[] = [];
  const create = async (snapshot: ArrayBuffer | undefined): Promise<G> => {
    const number = first + guests.length;
    progress(`${snapshot ? 'starting' : 'booting'} guest ${number}`);
    const onText = (text: string): void => options.onText?.(text, number);
    const bootOptions = { files, wasm, memoryMiB, commandLine, bootTimeoutMs, signal, snapshot, onText };
    const guest = await make(bootOptions, guests.length);
    guests.push(guest);
    return guest;
  };

  const key = snapshots ? await snapshotKey(files, [emulator, memoryMiB, kernelCommandLine(commandLine)]) : '';
  let kept: Promise<void> | undefined;
  try {
    let snapshot = await snapshots?.read(key);
    if (snapshot) {
      try {
        await create(snapshot);
      } catch {
        signal?.throwIfAborted();
        progress('the snapshot is of no use, so the guest boots anew');
        await snapshots?.remove(key);
        snapshot = undefined;
      }
    }
    if (!snapshot) {
      const booted = await create(undefined);
      if (snapshots || count > 1) {
        progress('taking a snapshot');
        snapshot = await booted.save();
        kept = snapshots
          ?.write(key, snapshot)
          .catch((error: unknown) => progress(`no snapshot was kept: ${String(error)}`));
      }
    }
    while (guests.length < count) await create(snapshot);
    await Promise.all(guests.map((guest, index) => guest.personalise(`vm${first + index}`)));
    return guests;
  } catch (error) {
    await Promise.all(guests.map((guest) => guest.stop()));
    throw error;
  } finally {
    await kept;
  }
}

/** A name for all that a saved state depends on. */
async function snapshotKey(files: MachineFiles, others: readonly (string | number)[]): Promise<string> {
  const parts = await Promise.all([files.bios, files.vgaBios, files.kernel, files.initrd].map(sha256));
  return sha256(new TextEncoder().encode(JSON.stringify([snapshotVersion, ...others, ...parts])));
}

/** The first 16 hexadecimal digits of a hash; of nothing, none. */
export async function sha256(bytes: Uint8Array | undefined): Promise<string> {
  if (!bytes) return '';
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
