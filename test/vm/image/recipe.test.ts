import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ownTree } from '../../../src/vm/image/assemble.node.js';
import { digest, parseList, readRecipe, recipeKey, type Recipe } from '../../../src/vm/image/recipe.node.js';

const choices = { suite: 'bookworm', kernelPackage: 'linux-image-686', mirror: undefined };

describe('a recipe', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmq-recipe-'));
    await mkdir(join(folder, 'files/etc'), { recursive: true });
    const table = { architecture: 'i386', packages: { tool: {} }, folders: ['tmp'], links: { a: 'b' }, firmware: {} };
    await writeFile(join(folder, 'recipe.json'), JSON.stringify(table));
    await writeFile(join(folder, 'modules.txt'), '# all\nnet/sched/* # these\n\n');
    await writeFile(join(folder, 'init'), '#!/bin/sh\n');
    await writeFile(join(folder, 'files/etc/hosts'), '127.0.0.1 localhost\n');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is a folder of data', async () => {
    const recipe = await readRecipe(folder);
    expect(recipe.modules).toEqual(['net/sched/*']);
    expect([...recipe.files.keys()]).toEqual(['init', 'etc/hosts']);
    expect(recipe.packages).toEqual({ tool: {} });
  });

  it('has the same key as long as nothing changes', async () => {
    expect(recipeKey(await readRecipe(folder), choices)).toBe(recipeKey(await readRecipe(folder), { ...choices }));
  });

  const changes: [string, (recipe: Recipe) => [Recipe, Partial<typeof choices> | { mirror: string }]][] = [
    ['the packages', (recipe) => [{ ...recipe, packages: { tool: { programs: ['x'] } } }, {}]],
    ['the modules', (recipe) => [{ ...recipe, modules: ['net/*'] }, {}]],
    ['a link', (recipe) => [{ ...recipe, links: { a: 'c' } }, {}]],
    [
      'a file',
      (recipe) => [{ ...recipe, files: new Map([...recipe.files, ['init', Buffer.from('#!/bin/sh\n\n')]]) }, {}],
    ],
    ["a file's name", (recipe) => [{ ...recipe, files: new Map([...recipe.files].map(([p, d]) => [`${p}x`, d])) }, {}]],
    ['the suite', (recipe) => [recipe, { suite: 'bullseye' }]],
    ['the kernel', (recipe) => [recipe, { kernelPackage: 'linux-image-686-pae' }]],
    ['the mirror', (recipe) => [recipe, { mirror: 'http://mirror.example/debian' }]],
  ];
  it.each(changes)('has another key when it is %s that changes', async (_, change) => {
    const recipe = await readRecipe(folder);
    const [changed, choice] = change(recipe);
    expect(recipeKey(changed, { ...choices, ...choice })).not.toBe(recipeKey(recipe, choices));
  });

  it('makes scripts executable, and other files not', async () => {
    const tree = ownTree(await readRecipe(folder));
    expect(tree.get('init')).toMatchObject({ kind: 'file', mode: 0o755 });
    expect(tree.get('etc/hosts')).toMatchObject({ kind: 'file', mode: 0o644 });
    expect(tree.get('tmp')).toMatchObject({ kind: 'directory' });
    expect(tree.get('a')).toEqual({ kind: 'symlink', target: 'b' });
    expect(tree.get('dev/console')).toMatchObject({ kind: 'device', major: 5, minor: 1 });
    expect(tree.get('dev/null')).toMatchObject({ kind: 'device', major: 1, minor: 3 });
  });
});

describe("the project's own recipe", () => {
  it('is found, and has what process 1 names', async () => {
    const { packages, files, links, folders } = await readRecipe();
    expect(Buffer.from(files.get('init') ?? []).toString()).toContain("echo 'virtio-mq guest ready'");
    for (const name of ['busybox', 'ethtool', 'iproute2', 'iperf3', 'pciutils', 'pci.ids', 'tcpdump', 'kmod']) {
      expect(packages).toHaveProperty([name]);
    }
    expect(links['usr/bin/sh']).toBe('busybox');
    expect(folders).toContain('usr/lib/busybox');
  });
});

describe('lists', () => {
  it('have an item a line, and comments', () => {
    expect(parseList('a\n  b c  \n# d\n\ne # f\n')).toEqual(['a', 'b c', 'e']);
  });
});

describe('digest', () => {
  it('tells parts apart, not only what they make together', () => {
    expect(digest('ab', 'c')).not.toBe(digest('a', 'bc'));
    expect(digest('ab', 'c')).toMatch(/^[0-9a-f]{16}$/);
    expect(digest(Buffer.from('ab'), 'c')).toBe(digest('ab', 'c'));
  });
});
