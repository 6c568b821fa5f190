import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { Apt } from './apt.node.js';
import { packCpio, type Tree } from './cpio.js';
import { writeImage } from './imageFolder.node.js';
import { readKernel } from './kernel.node.js';
import { resolveKernelPackage } from './kernelPackage.js';
import { debianKeyring } from './mirror.node.js';
import type { PackageStore } from './packageStore.node.js';
import { libraryClosure, type PackageRecord } from './packages.js';
import { programTree } from './programs.node.js';
import { digest, recipeKey, type Recipe, type RecipeChoices } from './recipe.node.js';
import { packageOf, UnpackedPackage } from './unpack.node.js';

export interface Assembly {
  readonly recipe: Recipe;
  /** What the person chose. */
  readonly choices: RecipeChoices;
  /** The mirror to use, chosen or found. */
  readonly mirror: string;
  /** A new folder, which may be left full of anything. */
  readonly scratch: string;
  readonly store: PackageStore;
  readonly signal?: AbortSignal | undefined;
  /** Called with what is happening and how much of the whole is done, 0 to 1. */
  readonly progress: (step: string, fraction: number) => void;
}

/** The share of the whole at which each step begins. */
const starts = { lists: 0, download: 0.1, unpack: 0.6, pack: 0.85 } as const;

const share = (from: number, to: number, fraction: number): number => from + (to - from) * fraction;

/**
 * Makes an image by its recipe, in the folder that it answers.
 * @throws UserError as buildGuestImage does
 */
export async function assembleImage(assembly: Assembly): Promise<string> {
  const { recipe, choices, mirror, scratch, signal, progress } = assembly;
  progress(`reading the package lists of ${choices.suite}`, starts.lists);
  const { architecture, firmware } = recipe;
  const directory = join(scratch, 'apt');
  const keyring = debianKeyring();
  const apt = await Apt.create({ directory, mirror, suite: choices.suite, keyring, architecture, signal });
  await apt.update();

  const kernel = await resolveKernelPackage(apt, choices.kernelPackage);
  const asked = [...Object.keys(recipe.packages), firmware.package];
  const tools = libraryClosure(asked, await apt.closure(asked));
  await download(assembly, apt, [...tools, kernel]);
  const packages = await unpack(assembly, [...tools, kernel]);

  progress('packing the image', starts.pack);
  const kernelFiles = packageOf(packages, kernel.name);
  const { release, image, tree: modules } = await readKernel(kernelFiles, recipe.modules, assembly);
  const tree: Tree = new Map([...(await programTree(recipe, packages)), ...modules, ...ownTree(recipe)]);
  const contents = {
    kernel: image,
    // Not compressed: unpacking it takes the guest's processor longer than reading it takes anybody.
    initrd: packCpio(tree),
    bios: await packageOf(packages, firmware.package).read(firmware.bios),
    vgaBios: await packageOf(packages, firmware.package).read(firmware.vgaBios),
  };
  const versions = Object.fromEntries([...tools, kernel].map(({ name, version }) => [name, version]));
  const key = digest(recipeKey(recipe, choices), JSON.stringify(versions));
  signal?.throwIfAborted();
  const folder = join(scratch, 'image');
  await writeImage(folder, contents, { kernelRelease: release, key, versions });
  return folder;
}

/** Downloads the packages that the store lacks. */
async function download(assembly: Assembly, apt: Apt, records: readonly PackageRecord[]): Promise<void> {
  const { store, scratch, progress } = assembly;
  const missing = store.missing(records);
  if (missing.length === 0) return;
  const megabytes = missing.reduce((sum, { size }) => sum + size, 0) / 1e6;
  const step = `downloading ${missing.length} packages, ${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB`;
  progress(step, starts.download);
  await store.fetch(apt, missing, join(scratch, 'downloads'), (fraction) =>
    progress(step, share(starts.download, starts.unpack, fraction)),
  );
}

/** Unpacks the packages into the scratch folder. */
async function unpack(
  { store, scratch, signal, progress }: Assembly,
  records: readonly PackageRecord[],
): Promise<Map<string, UnpackedPackage>> {
  const folder = join(scratch, 'unpacked');
  await mkdir(folder);
  const whole = records.reduce((sum, { size }) => sum + size, 0);
  const packages = new Map<string, UnpackedPackage>();
  let done = 0;
  for (const record of records) {
    progress(`unpacking ${records.length} packages`, share(starts.unpack, starts.pack, done / whole));
    packages.set(record.name, await UnpackedPackage.unpack(record.name, store.path(record), folder, signal));
    done += record.size;
  }
  return packages;
}

/** The recipe's own files and links, and the folders and devices that no package brings. Scripts are executable. */
export function ownTree({ files, folders, links }: Pick<Recipe, 'files' | 'folders' | 'links'>): Tree {
  // The kernel opens these for process 1, before that mounts anything.
  const tree: Tree = new Map([
    ['dev/console', { kind: 'device', mode: 0o600, major: 5, minor: 1 }],
    ['dev/null', { kind: 'device', mode: 0o666, major: 1, minor: 3 }],
  ]);
  for (const path of folders) tree.set(path, { kind: 'directory', mode: 0o755 });
  for (const [path, target] of Object.entries(links)) tree.set(path, { kind: 'symlink', target });
  for (const [path, data] of files) {
    const isScript = data[0] === 0x23 && data[1] === 0x21; // #!
    tree.set(path, { kind: 'file', mode: isScript ? 0o755 : 0o644, data });
  }
  return tree;
}
