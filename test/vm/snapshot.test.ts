import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { SnapshotCache } from '../../src/vm/snapshot.node.js';

let folder: string;
let cache: SnapshotCache;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-snapshots-'));
  cache = new SnapshotCache(join(folder, 'made'), 2);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const state = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 251).buffer;
const files = async (): Promise<string[]> => (await readdir(join(folder, 'made'))).sort();
const path = (name: string): string => join(folder, 'made', name);

it('gives back what it was given, and nothing else', async () => {
  expect(await cache.read('key')).toBeUndefined();
  await cache.write('key', state);
  expect(await cache.read('key')).toEqual(state);
  expect(await cache.read('other')).toBeUndefined();
  expect(await files()).toEqual(['key.state']);
});

it('keeps an empty state apart from none', async () => {
  await cache.write('empty', new ArrayBuffer(0));
  expect((await cache.read('empty'))?.byteLength).toBe(0);
});

it.each<[string, (file: string) => Promise<void>]>([
  ['cut short', async (file) => truncate(file, (await stat(file)).size - 1)],
  ['empty', (file) => truncate(file, 0)],
  ['too long', (file) => writeFile(file, 'x', { flag: 'a' })],
  [
    'changed in one bit',
    async (file) => {
      const bytes = await readFile(file);
      bytes[50_000] ^= 1;
      await writeFile(file, bytes);
    },
  ],
])('takes a file that is %s for none, and removes it', async (_, damage) => {
  await cache.write('key', state);
  await damage(path('key.state'));
  expect(await cache.read('key')).toBeUndefined();
  expect(await files()).toEqual([]);
});

it('lets go of what was not used for longest', async () => {
  await cache.write('a', state);
  await cache.write('b', state);
  await utimes(path('a.state'), 1000, 1000);
  await utimes(path('b.state'), 2000, 2000);
  await cache.read('a');
  await cache.write('c', state);
  expect(await files()).toEqual(['a.state', 'c.state']);
});

it('removes what writers left behind long ago, and only that', async () => {
  await cache.write('a', state);
  await writeFile(path('old-1.part'), 'x');
  await writeFile(path('new-2.part'), 'x');
  await utimes(path('old-1.part'), 1000, 1000);
  await cache.write('b', state);
  expect(await files()).toEqual(['a.state', 'b.state', 'new-2.part']);
});

it('leaves nothing behind when it cannot write', async () => {
  await writeFile(join(folder, 'made'), 'a file where the folder would be');
  await expect(cache.write('key', state)).rejects.toThrow();
  expect(await cache.read('key')).toBeUndefined();
});
