import { lstat, mkdir, readFile, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { TreeEntry } from './cpio.js';
import { run } from './process.node.js';
import { filesBelow } from './walk.node.js';

/** A package's files on disk, by their path in the guest. */
export class UnpackedPackage {
  readonly name: string;
  readonly #files: ReadonlyMap<string, string>;

  private constructor(name: string, files: ReadonlyMap<string, string>) {
    this.name = name;
    this.#files = files;
  }

  /** Unpacks a package file into a folder of its own in `parent`. Nothing of the package is run. */
  static async unpack(name: string, file: string, parent: string, signal?: AbortSignal): Promise<UnpackedPackage> {
    const directory = join(parent, name);
    await mkdir(directory);
    const { status, stderr } = await run('dpkg-deb', ['--extract', file, directory], { signal });
    if (status !== 0) throw new Error(`unpacking ${name} failed: ${stderr.trim()}`);
    return UnpackedPackage.open(name, directory);
  }

  /** A package that is unpacked already. */
  static async open(name: string, directory: string): Promise<UnpackedPackage> {
    const paths = await filesBelow(directory);
    return new UnpackedPackage(name, new Map(paths.map((path) => [guestPath(path), join(directory, path)])));
  }

  /** Paths of all files and links, without a leading slash. */
  get paths(): string[] {
    return [...this.#files.keys()];
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** The contents of a file of the package. */
  read(path: string): Promise<Buffer> {
    return readFile(this.#place(path));
  }

  /** A file or link as an entry of the guest's tree. */
  async entry(path: string): Promise<TreeEntry> {
    const place = this.#place(path);
    const status = await lstat(place);
    if (status.isSymbolicLink()) return { kind: 'symlink', target: await readlink(place) };
    return { kind: 'file', mode: status.mode & 0o777, data: await readFile(place) };
  }

  #place(path: string): string {
    const place = this.#files.get(path);
    if (place === undefined) throw new Error(`the package ${this.name} has no file ${path}`);
    return place;
  }
}

/** One of several unpacked packages, by its name. */
export function packageOf(packages: ReadonlyMap<string, UnpackedPackage>, name: string): UnpackedPackage {
  const found = packages.get(name);
  if (!found) throw new Error(`the package ${name} was not unpacked`);
  return found;
}

/** Debian is on its way from /bin, /sbin and /lib to the folders of these names in /usr; the guest is there already. */
export function guestPath(path: string): string {
  return path.replace(/^(bin|sbin|lib)\//, 'usr/$1/');
}

/** Where a link leads, as a path in the guest. */
export function linkTarget(path: string, target: string): string {
  return guestPath(resolve('/', path, '..', target).slice(1));
}
