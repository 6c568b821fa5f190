import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '../errors.js';
import type { Tree } from './cpio.js';
import { readModuleInfo } from './modinfo.js';
import { chooseModules, moduleIndexFiles } from './modules.js';
import { run } from './process.node.js';
import type { UnpackedPackage } from './unpack.node.js';

export interface Kernel {
  /** The kernel's name for itself, as uname -r gives it. */
  readonly release: string;
  readonly image: Buffer;
  /** The chosen modules with the index files of modprobe. */
  readonly tree: Tree;
}

/** Where modules are unpacked, and what ends that. */
interface Workplace {
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

const kernelImage = /^boot\/vmlinuz-(.+)$/;

/**
 * Takes the kernel and the modules that the patterns name out of a kernel's package.
 * @throws UserError when the package holds no kernel; the signal's reason
 */
export async function readKernel(
  unpacked: UnpackedPackage,
  patterns: readonly string[],
  work: Workplace,
): Promise<Kernel> {
  const path = unpacked.paths.find((candidate) => kernelImage.test(candidate));
  const release = kernelImage.exec(path ?? '')?.[1];
  if (path === undefined || release === undefined) throw new UserError(`The package ${unpacked.name} holds no kernel.`);
  return { release, image: await unpacked.read(path), tree: await moduleTree(unpacked, release, patterns, work) };
}

async function moduleTree(
  unpacked: UnpackedPackage,
  release: string,
  patterns: readonly string[],
  work: Workplace,
): Promise<Tree> {
  const folder = `usr/lib/modules/${release}`;
  const files = new Map<string, string>();
  for (const path of unpacked.paths) {
    const match = new RegExp(`^${folder.replace(/[.+]/g, '\\$&')}/(kernel/.*\\.ko)(?:\\.xz)?$`).exec(path);
    if (match?.[1] !== undefined) files.set(match[1], path);
  }
  const contents = new Map<string, Uint8Array>();
  const chosen = await chooseModules(
    {
      paths: [...files.keys()],
      read: async (path) => {
        const module = await readModule(unpacked, files.get(path) ?? path, work);
        contents.set(path, module);
        return readModuleInfo(path, module);
      },
    },
    patterns,
  );
  const text = async (name: string): Promise<Buffer> => unpacked.read(`${folder}/${name}`).catch(() => Buffer.alloc(0));
  const tree: Tree = new Map();
  for (const [path, data] of contents) tree.set(`${folder}/${path}`, { kind: 'file', mode: 0o644, data });
  const indexFiles = moduleIndexFiles(chosen, {
    order: (await text('modules.order')).toString(),
    builtin: (await text('modules.builtin')).toString(),
    builtinModinfo: await text('modules.builtin.modinfo'),
  });
  for (const [name, data] of indexFiles) tree.set(`${folder}/${name}`, { kind: 'file', mode: 0o644, data });
  return tree;
}

/** Reads a module. A compressed one is unpacked here, so that the guest's slower processor need not. */
async function readModule(
  unpacked: UnpackedPackage,
  path: string,
  { scratch, signal }: Workplace,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const bytes = await unpacked.read(path);
  if (!path.endsWith('.xz')) return bytes;
  const compressed = join(scratch, 'module.xz');
  await writeFile(compressed, bytes);
  const { status, stdout, stderr } = await run('xz', ['--decompress', '--stdout', compressed], { signal });
  if (status !== 0) throw new Error(`unpacking ${path} failed: ${stderr.trim()}`);
  return stdout;
}
