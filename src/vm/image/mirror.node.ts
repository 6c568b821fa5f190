import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '../errors.js';
import { debianArchive, parseDeb822Sources, parseOneLineSources, type AptSource } from './sources.js';

const aptFolder = '/etc/apt';

/** The keys that Debian's archive is signed with; newer releases name the file .pgp. */
const keyrings = ['gpg', 'pgp'].map((suffix) => `/usr/share/keyrings/debian-archive-keyring.${suffix}`);

/** The machine's own apt sources, in the order apt reads them; files that cannot be read count as absent. */
async function machineSources(folder: string): Promise<AptSource[]> {
  const parts = join(folder, 'sources.list.d');
  const names = (await readdir(parts).catch(() => [])).sort();
  const files = [join(folder, 'sources.list'), ...names.map((name) => join(parts, name))];
  const sources = await Promise.all(
    files.map(async (file) => {
      const parse = file.endsWith('.list') ? parseOneLineSources : file.endsWith('.sources') && parseDeb822Sources;
      return parse ? parse(await readFile(file, 'utf8').catch(() => '')) : [];
    }),
  );
  return sources.flat();
}

/**
 * The address of the Debian archive that this machine itself installs from.
 * @throws UserError when its apt sources name none.
 */
export async function machineMirror(folder = aptFolder): Promise<string> {
  const mirror = debianArchive(await machineSources(folder));
  if (mirror !== undefined) return mirror;
  throw new UserError(
    `No Debian archive stands in this machine's apt sources (${folder}); name one with --mirror URL.`,
  );
}

/**
 * The keyring that Debian's archives are checked with.
 * @throws UserError when it is not on this machine.
 */
export function debianKeyring(candidates = keyrings): string {
  const keyring = candidates.find((file) => existsSync(file));
  if (keyring !== undefined) return keyring;
  throw new UserError(
    `Debian's keys are not on this machine (${candidates[0] ?? ''}); install the package debian-archive-keyring.`,
  );
}
