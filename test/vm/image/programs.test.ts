import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { programTree } from '../../../src/vm/image/programs.node.js';
import type { Recipe } from '../../../src/vm/image/recipe.node.js';
import { guestPath, linkTarget, UnpackedPackage } from '../../../src/vm/image/unpack.node.js';
import { elfFile } from './elfFile.js';

let folder: string;
const packages = new Map<string, UnpackedPackage>();

async function unpacked(name: string, files: Record<string, Uint8Array | string>): Promise<void> {
  for (const [path, contents] of Object.entries(files)) {
    const place = join(folder, name, path);
    await mkdir(dirname(place), { recursive: true });
    if (typeof contents === 'string') await symlink(contents, place);
    else await writeFile(place, contents).then(() => chmod(place, 0o755));
  }
  packages.set(name, await UnpackedPackage.open(name, join(folder, name)));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-programs-'));
  const library = (...needed: string[]): Uint8Array => elfFile({ needed });
  await unpacked('tool', {
    'bin/tool': elfFile({ interpreter: '/lib/ld-linux.so.2', needed: ['libone.so.1'] }),
    'sbin/tool': '/bin/tool',
    'usr/bin/other': elfFile({ needed: ['libmissing.so.1'] }),
    'etc/tool/a.conf': Buffer.from('a'),
    'etc/tool/deep/b.conf': Buffer.from('b'),
    'etc/network/if-up.d/tool': Buffer.from('#!/bin/sh\n'),
  });
  await unpacked('libone1', {
    'usr/lib/i386-linux-gnu/libone.so.1': 'libone.so.1.2',
    'usr/lib/i386-linux-gnu/libone.so.1.2': library('libtwo.so.2', 'libc.so.6'),
    'usr/lib/i386-linux-gnu/libunused.so.1': library(),
  });
  await unpacked('libtwo2', { 'usr/lib/libtwo.so.2': library('libone.so.1') });
  await unpacked('libc6', {
    'lib/i386-linux-gnu/libc.so.6': library('ld-linux.so.2'),
    'lib/i386-linux-gnu/ld-linux.so.2': library(),
    'lib/ld-linux.so.2': '/lib/i386-linux-gnu/ld-linux.so.2',
  });
});
afterAll(() => rm(folder, { recursive: true }));

const recipe = (parts: Recipe['packages']): Recipe => ({
  architecture: 'i386',
  packages: parts,
  folders: [],
  links: {},
  firmware: { package: '', bios: '', vgaBios: '' },
  modules: [],
  files: new Map(),
});

describe('the programs of a recipe', () => {
  it('come with the libraries they need, and what those need, and nothing else', async () => {
    const tree = await programTree(recipe({ tool: { programs: ['tool'], files: ['etc/tool/*'] } }), packages);
    expect([...tree.keys()].sort()).toEqual([
      'etc/tool/a.conf',
      'usr/bin/tool',
      'usr/lib/i386-linux-gnu/ld-linux.so.2',
      'usr/lib/i386-linux-gnu/libc.so.6',
      'usr/lib/i386-linux-gnu/libone.so.1',
      'usr/lib/i386-linux-gnu/libone.so.1.2',
      'usr/lib/ld-linux.so.2',
      'usr/lib/libtwo.so.2',
      'usr/sbin/tool',
    ]);
    expect(tree.get('usr/sbin/tool')).toEqual({ kind: 'symlink', target: '/bin/tool' });
    expect(tree.get('usr/bin/tool')).toMatchObject({ kind: 'file', mode: 0o755 });
  });

  it('must be there', async () => {
    await expect(programTree(recipe({ tool: { programs: ['none'] } }), packages)).rejects.toThrow('no program none');
    await expect(programTree(recipe({ gone: {} }), packages)).rejects.toThrow('gone was not unpacked');
  });

  it('must find their libraries', async () => {
    const failure = programTree(recipe({ tool: { programs: ['other'] } }), packages);
    await expect(failure).rejects.toThrow('usr/bin/other needs usr/lib/i386-linux-gnu/libmissing.so.1');
  });
});

describe('paths in the guest', () => {
  it('are those of the merged /usr', () => {
    expect(guestPath('sbin/ethtool')).toBe('usr/sbin/ethtool');
    expect(guestPath('usr/sbin/ethtool')).toBe('usr/sbin/ethtool');
    expect(guestPath('etc/bin/x')).toBe('etc/bin/x');
  });

  it('follow links of either kind', () => {
    expect(linkTarget('usr/sbin/ip', '/bin/ip')).toBe('usr/bin/ip');
    expect(linkTarget('usr/sbin/lsmod', '../bin/kmod')).toBe('usr/bin/kmod');
    expect(linkTarget('usr/lib/a.so', 'a.so.1')).toBe('usr/lib/a.so.1');
  });
});
