import { existsSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { makeFolder } from '../folder.node.js';
import type { Apt } from './apt.node.js';
import type { PackageRecord } from './packages.js';

/**
 * Downloaded package files, named by their contents. A file appears whole or not at all, so that any number of builds
 * may share the store.
 */
export class PackageStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The place of a package's file, be it there or not. */
  path({ sha256 }: PackageRecord): string {
    return join(this.#directory, `${sha256}.deb`);
  }

  /** The packages that are not in the store yet. */
  missing(records: readonly PackageRecord[]): PackageRecord[] {
    return records.filter((record) => !existsSync(this.path(record)));
  }

  /** Downloads packages into the store, by way of an empty folder on the same file system. */
  async fetch(
    apt: Apt,
    records: readonly PackageRecord[],
    scratch: string,
    onFraction: (fraction: number) => void,
  ): Promise<void> {
    await makeFolder(this.#directory);
    await mkdir(scratch, { recursive: true });
    await apt.download(records, scratch, (line) => {
      // dlstatus:NUMBER:PERCENT:TEXT
      const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
      if (percent !== undefined) onFraction(Number(percent) / 100);
    });
    const byName = new Map(records.map((record) => [record.name, record]));
    for (const file of await readdir(scratch)) {
      const record = byName.get(file.replace(/_.*$/, ''));
      if (record) await rename(join(scratch, file), this.path(record));
    }
  }
}
