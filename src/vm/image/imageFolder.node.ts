import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeFolder } from '../folder.node.js';
import { UserError } from '../errors.js';

/** A guest ready to boot. All but the last two are paths of files. */
export interface GuestImage {
  kernel: string;
  initrd: string;
  bios: string;
  vgaBios: string;
  /** The kernel's name for itself, as uname -r gives it. */
  kernelRelease: string;
  /** Names the image's contents: its recipe, options and the versions of all packages in it. */
  key: string;
}

/** What a finished image's folder says about it. */
export interface ImageDescription {
  readonly kernelRelease: string;
  readonly key: string;
  /** The version of every package that something was taken from. */
  readonly versions: Readonly<Record<string, string>>;
}

export type ImagePart = 'kernel' | 'initrd' | 'bios' | 'vgaBios';

const fileNames: Record<ImagePart, string> = {
  kernel: 'vmlinuz',
  initrd: 'initrd',
  bios: 'bios.bin',
  vgaBios: 'vgabios.bin',
};
const parts = Object.keys(fileNames) as ImagePart[];
const descriptionFile = 'image.json';

/** Folders of builds under way begin with this, then the number of the process that builds. */
const buildingPrefix = '.building-';

/** Reads a finished image, or undefined when there is none or parts of it are gone. */
export async function readImage(folder: string): Promise<GuestImage | undefined> {
  try {
    const description = JSON.parse(await readFile(join(folder, descriptionFile), 'utf8')) as ImageDescription;
    const paths = Object.fromEntries(parts.map((part) => [part, join(folder, fileNames[part])]));
    await Promise.all(Object.values(paths).map((path) => access(path)));
    const { kernelRelease, key } = description;
    return { ...(paths as Record<ImagePart, string>), kernelRelease, key };
  } catch {
    return undefined;
  }
}

/** Writes an image's files into a new folder. */
export async function writeImage(
  folder: string,
  contents: Readonly<Record<ImagePart, Uint8Array>>,
  description: ImageDescription,
): Promise<void> {
  await mkdir(folder);
  for (const part of parts) await writeFile(join(folder, fileNames[part]), contents[part]);
  await writeFile(join(folder, descriptionFile), `${JSON.stringify(description, undefined, 2)}\n`);
}

/**
 * Moves a finished image to where it is looked for, all at once. When another process was quicker, its image stays.
 * What stands there without being a whole image gives way.
 */
export async function publishImage(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    if (await readImage(to)) return;
    await rm(to, { recursive: true, force: true });
    await rename(from, to);
  }
}

/**
 * Makes a folder for a build of this process, beside the finished images.
 * @throws UserError when that cannot be
 */
export async function buildingFolder(images: string): Promise<string> {
  try {
    await makeFolder(images);
    await removeLeftovers(images);
    return await mkdtemp(join(images, `${buildingPrefix}${process.pid}-`));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      `The cache folder ${images} cannot be written (${code ?? String(error)}); set VMQ_CACHE to another.`,
    );
  }
}

/** Removes what builds left behind whose process is gone. */
async function removeLeftovers(images: string): Promise<void> {
  for (const name of await readdir(images)) {
    const pid = name.startsWith(buildingPrefix) ? Number.parseInt(name.slice(buildingPrefix.length), 10) : undefined;
    if (pid !== undefined && !isRunning(pid)) await rm(join(images, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
