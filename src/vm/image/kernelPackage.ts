import { UserError } from '../errors.js';
import type { PackageRecord } from './packages.js';

/** What the search for a kernel needs of apt. */
export interface PackageArchive {
  readonly suite: string;
  show(names: readonly string[]): Promise<PackageRecord[]>;
  search(pattern: string): Promise<string[]>;
}

/** Kernels that can be offered instead: real ones for i386, not their debugging symbols or unsigned copies. */
async function offers(archive: PackageArchive): Promise<string> {
  const found = await archive.search('^linux-image-.*686');
  const kernels = found.filter((name) => !/-dbg$|-unsigned$/.test(name));
  return kernels.length > 0
    ? `it has ${kernels.join(', ')}`
    : 'it has no kernel for i386 at all (bookworm and bullseye do)';
}

/**
 * Finds the package that holds a kernel: itself, or what a metapackage such as linux-image-686 leads to.
 * @throws UserError when the suite has no such package.
 */
export async function resolveKernelPackage(archive: PackageArchive, asked: string): Promise<PackageRecord> {
  for (let name = asked, depth = 0; depth < 4; depth += 1) {
    const record = (await archive.show([name])).find((candidate) => candidate.name === name);
    if (!record) {
      throw new UserError(`Debian's suite ${archive.suite} has no package ${name} for i386; ${await offers(archive)}.`);
    }
    const next = record.depends.find((dependency) => dependency.startsWith('linux-image-'));
    if (next === undefined) return record;
    name = next;
  }
  throw new UserError(`The package ${asked} of Debian's suite ${archive.suite} leads to no kernel.`);
}
