import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheDirectory } from '../cache.node.js';
import { UserError } from '../errors.js';
import { assembleImage } from './assemble.node.js';
import { buildingFolder, publishImage, readImage, type GuestImage } from './imageFolder.node.js';
import { machineMirror } from './mirror.node.js';
import { PackageStore } from './packageStore.node.js';
import { readRecipe, recipeKey, type PackageParts } from './recipe.node.js';

export type { GuestImage };

export interface GuestImageOptions {
  /** Debian's release to take everything from; bookworm when left out. */
  suite?: string | undefined;
  /** The kernel's package, or a metapackage that leads to it; linux-image-686 when left out. */
  kernelPackage?: string | undefined;
  /** Address of a Debian mirror to use instead of the one in the machine's own apt sources. */
  mirror?: string | undefined;
  /** What goes in from packages that the recipe does not have. */
  packages?: Readonly<Record<string, PackageParts>> | undefined;
  /** Where images and downloads are kept; see cacheDirectory() for where that is when left out. */
  cacheDirectory?: string | undefined;
  onProgress?: ((progress: ImageProgress) => void) | undefined;
  /** Stops the build; nothing half-done is kept. */
  signal?: AbortSignal | undefined;
}

export interface ImageProgress {
  /** What is happening, for a person: "downloading 34 packages, 65 MB". */
  step: string;
  /** How much of the whole build is done, 0 to 1. */
  fraction?: number;
}

/**
 * Makes the guest image that the recipe in `firmware` describes, from Debian's packages, or answers the one made
 * before. It needs apt and dpkg-deb, but no root, and changes nothing outside the cache folder. Builds at the same
 * time, in one process or several, do not disturb each other.
 * @throws UserError when an option makes no sense, a program or the keys are not on this machine, the cache folder
 * cannot be written, the mirror does not answer, or it has no such suite or kernel
 */
export async function buildGuestImage(options: GuestImageOptions = {}): Promise<GuestImage> {
  const { suite = 'bookworm', kernelPackage = 'linux-image-686', mirror, signal } = options;
  checkWord('suite', suite, /^[a-z][a-z0-9.-]*$/, 'bookworm');
  checkWord('package', kernelPackage, /^[a-z0-9][a-z0-9+.-]+$/, 'linux-image-686');
  if (mirror !== undefined) checkWord('mirror', mirror, /^[a-z][a-z0-9+]*:[^\s"[\]]+$/, 'https://HOST/debian');
  const choices = { suite, kernelPackage, mirror };
  const base = await readRecipe();
  const recipe = { ...base, packages: { ...base.packages, ...options.packages } };
  const cache = options.cacheDirectory ?? cacheDirectory();
  const images = join(cache, 'images');
  const home = join(images, recipeKey(recipe, choices));
  const known = await readImage(home);
  if (known) return known;

  signal?.throwIfAborted();
  const progress = (step: string, fraction: number): void => options.onProgress?.({ step, fraction });
  const store = new PackageStore(join(cache, 'packages'));
  const machine = mirror ?? (await machineMirror());
  const scratch = await buildingFolder(images);
  try {
    const made = await assembleImage({ recipe, choices, mirror: machine, scratch, store, signal, progress });
    await publishImage(made, home);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const image = await readImage(home);
  if (!image) throw new Error(`the guest image vanished from ${home}`);
  progress('the guest image is ready', 1);
  return image;
}

/** The names go into files and commands of apt, so they must look like what they are. */
function checkWord(what: string, value: string, pattern: RegExp, example: string): void {
  if (!pattern.test(value)) throw new UserError(`"${value}" is not a ${what}; ${example} would be one.`);
}
