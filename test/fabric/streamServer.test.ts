import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { PortError, StreamServer } from '../../src/fabric/index.node.js';
import { Switch } from '../../src/fabric/index.js';
import { systemClock } from '../../src/hosts/v86/clock.js';

let folder: string;
let path: string;
let fabric: Switch;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-server-'));
  path = join(folder, 'socket');
  fabric = new Switch({ clock: systemClock });
});
afterEach(async () => {
  fabric.close();
  await rm(folder, { recursive: true });
});

/** Why the server does not listen. */
async function refusal(at: Parameters<typeof StreamServer.listen>[0] = { path }): Promise<string> {
  const failure: unknown = await StreamServer.listen(at, fabric).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(PortError);
  return (failure as PortError).message;
}

describe('a server for streams, at a path', () => {
  it('replaces a socket that nobody listens on any more', async () => {
    const before = createServer().listen(join(folder, 'before'));
    await once(before, 'listening');
    await rename(join(folder, 'before'), path);
    before.close();
    await once(before, 'close');
    expect((await stat(path)).isSocket()).toBe(true);
    const server = await StreamServer.listen({ path }, fabric);
    expect(server.address).toBe(path);
    await server.close();
  });

  it('leaves a socket that somebody listens on', async () => {
    const server = await StreamServer.listen({ path }, fabric);
    expect(await refusal()).toBe(
      `there is something at ${path}, a socket in use or what is no socket; give another path.`,
    );
    await server.close();
  });

  it('leaves a file that is no socket', async () => {
    await writeFile(path, 'precious');
    expect(await refusal()).toMatch(/what is no socket; give another path\.$/);
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('leaves a folder', async () => {
    await mkdir(path);
    expect(await refusal()).toMatch(/what is no socket; give another path\.$/);
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it('says that there is no such folder', async () => {
    expect(await refusal({ path: join(folder, 'none', 'socket') })).toMatch(
      /^no socket can be made at .*: there is no/,
    );
  });
});

describe('a server for streams, at an address', () => {
  it.each([
    [{ host: 'nohost.invalid', port: 0 }, /^there is no host nohost\.invalid; give an address of this machine\.$/],
    [{ host: '192.0.2.1', port: 0 }, /^192\.0\.2\.1 is no address of this machine; give one that is\.$/],
  ])('says what is wrong with %j', async (at, message) => {
    expect(await refusal(at)).toMatch(message);
  });

  it('says that it is in use', async () => {
    const server = await StreamServer.listen({ host: '127.0.0.1', port: 0 }, fabric);
    const port = Number(server.address.split(':')[1]);
    expect(await refusal({ host: '127.0.0.1', port })).toBe(`127.0.0.1:${port} is in use; give another.`);
    await server.close();
  });
});
