import type { Tree, TreeEntry } from './cpio.js';
import { interpreter, isElf32, neededLibraries } from './elf.js';
import { globPattern } from './glob.js';
import type { Recipe } from './recipe.node.js';
import { linkTarget, packageOf, type UnpackedPackage } from './unpack.node.js';

/** Where programs are. Some are in both, one of them a link. */
const programFolders = ['usr/bin', 'usr/sbin'];

/** Where the program loader looks for libraries, in this order. */
const libraryFolders = ['usr/lib/i386-linux-gnu', 'usr/lib'];

/** The recipe's programs and files from its packages, and the shared libraries they need, nothing more. */
export async function programTree(recipe: Recipe, packages: ReadonlyMap<string, UnpackedPackage>): Promise<Tree> {
  const tree: Tree = new Map();
  for (const [name, { programs = [], files = [] }] of Object.entries(recipe.packages)) {
    const unpacked = packageOf(packages, name);
    for (const program of programs) {
      const paths = programFolders.map((folder) => `${folder}/${program}`).filter((path) => unpacked.has(path));
      if (paths.length === 0) throw new Error(`the package ${name} has no program ${program}`);
      for (const path of paths) tree.set(path, await unpacked.entry(path));
    }
    const patterns = files.map(globPattern);
    for (const path of unpacked.paths.filter((candidate) => patterns.some((pattern) => pattern.test(candidate)))) {
      tree.set(path, await unpacked.entry(path));
    }
  }
  await addLibraries(tree, [...packages.values()]);
  return tree;
}

/** The paths, of which the first that exists counts, of each file that an entry needs. */
function neededBy(path: string, entry: TreeEntry | undefined): string[][] {
  if (entry?.kind === 'symlink') return [[linkTarget(path, entry.target)]];
  if (entry?.kind !== 'file' || !isElf32(entry.data)) return [];
  const loader = interpreter(entry.data);
  const libraries = neededLibraries(entry.data).map((name) => libraryFolders.map((folder) => `${folder}/${name}`));
  return loader === undefined ? libraries : [[linkTarget('', loader)], ...libraries];
}

/** Adds every library that a file of the tree needs, and what those need, following links to the files. */
async function addLibraries(tree: Tree, packages: readonly UnpackedPackage[]): Promise<void> {
  const holders = new Map(packages.flatMap((unpacked) => unpacked.paths.map((path) => [path, unpacked] as const)));
  const pending = [...tree.keys()];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const candidates of neededBy(path, tree.get(path))) {
      if (candidates.some((candidate) => tree.has(candidate))) continue;
      const library = candidates.find((candidate) => holders.has(candidate));
      const holder = library === undefined ? undefined : holders.get(library);
      if (library === undefined || !holder) throw new Error(`${path} needs ${candidates[0]}, which no package has`);
      tree.set(library, await holder.entry(library));
      pending.push(library);
    }
  }
}
