import { createHash } from 'node:crypto';
import { open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './folder.node.js';

const suffix = '.state';
const unfinished = '.part';

/** A writer that has not finished after this time is gone; what it left is removed. In milliseconds. */
const abandonedAfter = 3_600_000;

/** How many snapshots stay when a new one comes; each has tens of megabytes. */
const defaultKeep = 4;

const digestBytes = 32;

/**
 * Saved states of guests, one file for each key. They are not compressed: that takes longer than the reading it saves.
 * A file is the state and then its SHA-256, as a guest with a flipped bit in its memory is no use to anybody.
 */
export class SnapshotCache {
  private readonly folder: string;
  private readonly keep: number;

  /** @param folder need not exist yet */
  constructor(folder: string, keep = defaultKeep) {
    this.folder = folder;
    this.keep = keep;
  }

  /** The state kept under this key; undefined when there is none or it is damaged, which removes it. */
  async read(key: string): Promise<ArrayBuffer | undefined> {
    const path = this.path(key);
    let file: FileHandle;
    try {
      file = await open(path);
    } catch {
      return undefined;
    }
    try {
      const { size } = await file.stat();
      const state = new ArrayBuffer(Math.max(0, size - digestBytes));
      const digest = new Uint8Array(digestBytes);
      const whole =
        (await readFully(file, new Uint8Array(state), 0)) &&
        (await readFully(file, digest, state.byteLength)) &&
        digestOf(state).equals(digest);
      if (whole) {
        const now = new Date();
        // The order in which snapshots go; a cache that cannot be written to still serves.
        await utimes(path, now, now).catch(() => undefined);
        return state;
      }
    } finally {
      await file.close();
    }
    await this.remove(key);
    return undefined;
  }

  /** Keeps a state, all of it or nothing, and lets go of those that were not used for longest. */
  async write(key: string, state: ArrayBuffer): Promise<void> {
    await makeFolder(this.folder);
    const part = join(this.folder, `${key}-${process.pid}${unfinished}`);
    try {
      const file = await open(part, 'w');
      try {
        await file.writeFile(new Uint8Array(state));
        await file.writeFile(digestOf(state));
      } finally {
        await file.close();
      }
      await rename(part, this.path(key));
    } finally {
      await rm(part, { force: true });
    }
    await this.prune();
  }

  async remove(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  private path(key: string): string {
    return join(this.folder, `${key}${suffix}`);
  }

  private async prune(): Promise<void> {
    const files: { path: string; modified: number }[] = [];
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const modified = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined, // Another process removed it.
      );
      if (modified === undefined) continue;
      if (name.endsWith(suffix)) files.push({ path, modified });
      else if (name.endsWith(unfinished) && Date.now() - modified > abandonedAfter) await rm(path, { force: true });
    }
    files.sort((a, b) => b.modified - a.modified);
    for (const { path } of files.slice(this.keep)) await rm(path, { force: true });
  }
}

function digestOf(state: ArrayBuffer): Buffer {
  return createHash('sha256').update(new Uint8Array(state)).digest();
}

/** Fills `target` from the file's `position` on; false when the file ends before. */
async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<boolean> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
