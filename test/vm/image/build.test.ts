import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { cacheDirectory } from '../../../src/vm/cache.node.js';
import { UserError } from '../../../src/vm/errors.js';
import { buildGuestImage } from '../../../src/vm/image/build.node.js';
import { buildingFolder, publishImage, readImage, writeImage } from '../../../src/vm/image/imageFolder.node.js';
import { readRecipe, recipeKey } from '../../../src/vm/image/recipe.node.js';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'vmq-cache-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

/** An image whose kernel says where it is from. */
async function image(folder: string, kernel: string): Promise<void> {
  const none = new Uint8Array(0);
  const contents = { kernel: Buffer.from(kernel), initrd: none, bios: none, vgaBios: none };
  await writeImage(folder, contents, { kernelRelease: '6.1', key: kernel, versions: {} });
}

describe('the folder of an image', () => {
  it('is read back', async () => {
    const folder = join(cache, 'one');
    await image(folder, 'first');
    const read = await readImage(folder);
    expect(read).toMatchObject({ kernelRelease: '6.1', key: 'first' });
    expect(await readFile(read?.kernel ?? '', 'utf8')).toBe('first');
  });

  it('is no image when a part is gone, or its description is cut short', async () => {
    const folder = join(cache, 'one');
    await image(folder, 'first');
    await rm(join(folder, 'initrd'));
    expect(await readImage(folder)).toBeUndefined();
    await writeFile(join(folder, 'initrd'), '');
    expect(await readImage(folder)).toBeDefined();
    await writeFile(join(folder, 'image.json'), '{"kernelRelease":');
    expect(await readImage(folder)).toBeUndefined();
    expect(await readImage(join(cache, 'none'))).toBeUndefined();
  });

  it('is published by the first of several builds, for all of them', async () => {
    await image(join(cache, 'one'), 'first');
    await image(join(cache, 'two'), 'second');
    await publishImage(join(cache, 'one'), join(cache, 'home'));
    await publishImage(join(cache, 'two'), join(cache, 'home'));
    expect((await readImage(join(cache, 'home')))?.key).toBe('first');
  });

  it('takes the place of what is no whole image', async () => {
    await mkdir(join(cache, 'home'));
    await writeFile(join(cache, 'home', 'vmlinuz'), 'half');
    await image(join(cache, 'one'), 'first');
    await publishImage(join(cache, 'one'), join(cache, 'home'));
    expect((await readImage(join(cache, 'home')))?.key).toBe('first');
  });
});

describe('the folder of a build', () => {
  it('is new each time, and those of processes that are gone go', async () => {
    const images = join(cache, 'images');
    const mine = await buildingFolder(images);
    // Process numbers end at 2^22 on Linux.
    await mkdir(join(images, '.building-99999999-abc'));
    await mkdir(join(images, 'finished'));
    const next = await buildingFolder(images);
    expect(next).not.toBe(mine);
    expect((await readdir(images)).map((name) => join(images, name)).sort()).toEqual(
      [mine, next, join(images, 'finished')].sort(),
    );
  });

  it('cannot be where there is a file', async () => {
    await writeFile(join(cache, 'images'), '');
    await expect(buildingFolder(join(cache, 'images'))).rejects.toThrow(UserError);
    await expect(buildingFolder(join(cache, 'images'))).rejects.toThrow('VMQ_CACHE');
  });

  it('is made with the folders above it', async () => {
    const images = join(cache, 'not', 'yet', 'images');
    expect(await buildingFolder(images)).toContain(images);
  });

  it('cannot be where no folder can be made', async () => {
    await expect(buildingFolder('/proc/nowhere/virtio-mq/images')).rejects.toThrow('set VMQ_CACHE to another');
  });
});

describe('buildGuestImage', () => {
  it('answers the image that is there, without starting any program', async () => {
    const choices = { suite: 'bookworm', kernelPackage: 'linux-image-686' };
    const home = join(cache, 'images', recipeKey(await readRecipe(), choices));
    await mkdir(join(cache, 'images'));
    await image(home, 'kept');
    vi.stubEnv('PATH', '/nonexistent');
    const steps: unknown[] = [];
    const found = await buildGuestImage({ cacheDirectory: cache, onProgress: (step) => steps.push(step) });
    expect(found.key).toBe('kept');
    expect(found.kernel).toBe(join(home, 'vmlinuz'));
    expect(steps).toEqual([]);
  });

  const mistakes: [string, Parameters<typeof buildGuestImage>[0], string][] = [
    ['suite', { suite: 'no such' }, '"no such" is not a suite; bookworm would be one.'],
    ['suite that is an option', { suite: '--fix-broken' }, 'is not a suite'],
    ['package', { kernelPackage: 'linux-image-*' }, '"linux-image-*" is not a package; linux-image-686 would be one.'],
    ['mirror', { mirror: 'mirror' }, '"mirror" is not a mirror; https://HOST/debian would be one.'],
    ['mirror of two lines', { mirror: 'http://a/debian\ndeb http://b/debian' }, 'is not a mirror'],
  ];
  it.each(mistakes)('refuses what is no %s, and leaves nothing behind', async (_, options, message) => {
    await expect(buildGuestImage({ ...options, cacheDirectory: cache })).rejects.toThrow(UserError);
    await expect(buildGuestImage({ ...options, cacheDirectory: cache })).rejects.toThrow(message);
    expect(await readdir(cache)).toEqual([]);
  });

  it('does nothing when it is stopped before it begins', async () => {
    const failure = buildGuestImage({ cacheDirectory: cache, signal: AbortSignal.abort() });
    await expect(failure).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(await readdir(cache)).toEqual([]);
  });
});

describe('cacheDirectory', () => {
  it('follows VMQ_CACHE, then XDG_CACHE_HOME, then the home folder', () => {
    vi.stubEnv('VMQ_CACHE', '/a');
    vi.stubEnv('XDG_CACHE_HOME', '/b');
    expect(cacheDirectory()).toBe('/a');
    vi.stubEnv('VMQ_CACHE', undefined);
    expect(cacheDirectory()).toBe('/b/virtio-mq');
    vi.stubEnv('XDG_CACHE_HOME', '');
    expect(cacheDirectory()).toBe(join(homedir(), '.cache/virtio-mq'));
  });
});
