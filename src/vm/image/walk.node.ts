import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Paths of all that is in a folder and below it and is no folder itself, relative to it, sorted. */
export async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory()) paths.push(...(await filesBelow(folder, path)));
    else paths.push(path);
  }
  return paths.sort();
}
