import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { filesBelow } from './walk.node.js';

/** What goes into the guest from one package. */
export interface PackageParts {
  /** Programs by name, from the package's bin and sbin folders. */
  readonly programs?: readonly string[];
  /** Other files, as patterns over their paths; patterns that match nothing are left alone, since suites differ. */
  readonly files?: readonly string[];
}

/** How a guest image is made: the folder `firmware`, as data. */
export interface Recipe {
  /** Debian's name of the guest's architecture. */
  readonly architecture: string;
  readonly packages: Readonly<Record<string, PackageParts>>;
  /** Folders that no package brings, by their path in the guest: places to mount on, and homes. */
  readonly folders: readonly string[];
  /** Symbolic links that no package brings: their path in the guest, and where they lead. */
  readonly links: Readonly<Record<string, string>>;
  /** The package with the firmware that starts the machine, and its two files. */
  readonly firmware: { readonly package: string; readonly bios: string; readonly vgaBios: string };
  /** Kernel modules, as patterns below kernel/ without a suffix. */
  readonly modules: readonly string[];
  /** Files of our own, by their path in the guest. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The options of a build that change what comes out. */
export interface RecipeChoices {
  readonly suite: string;
  readonly kernelPackage: string;
  readonly mirror?: string | undefined;
}

/** Raise this when the builder makes other images of the same recipe than before. */
const builderVersion = 6;

/** Finds the project's folder `firmware` above this file, be it in the sources or in a bundle. */
function firmwareFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'firmware');
    if (existsSync(join(candidate, 'recipe.json'))) return candidate;
    if (folder === dirname(folder)) throw new Error(`no folder firmware with a recipe.json above ${start}`);
  }
}

/** A list in a text file: one item a line, comments after #. */
export function parseList(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean);
}

/** Reads the recipe from a folder laid out as `firmware`. */
export async function readRecipe(folder = firmwareFolder()): Promise<Recipe> {
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const table = JSON.parse(await read('recipe.json')) as Omit<Recipe, 'modules' | 'files'>;
  const own = join(folder, 'files');
  const files = new Map<string, Uint8Array>([['init', await readFile(join(folder, 'init'))]]);
  for (const path of await filesBelow(own)) files.set(path, await readFile(join(own, path)));
  return { ...table, modules: parseList(await read('modules.txt')), files };
}

/** A short name, 16 hexadecimal digits, for all that was given: equal input, equal name. */
export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // The length first, so that parts cannot run into each other.
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Names what a recipe with these choices asks for; it changes when either does. */
export function recipeKey(recipe: Recipe, { suite, kernelPackage, mirror }: RecipeChoices): string {
  const { files, ...table } = recipe;
  const own = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  return digest(JSON.stringify([builderVersion, table, suite, kernelPackage, mirror ?? null]), ...own);
}
