import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LateSink } from '../../src/cli/lateSink.js';
import { main } from '../../src/cli/main.js';
import { TestSink } from '../fabric/sinks.js';
import { testStreams } from './streams.js';

let folder: string;
let busy: string;
const server = createServer();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-capture-'));
  vi.stubEnv('VMQ_CACHE', folder);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  busy = `qemu:listen:127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.close();
  await rm(folder, { recursive: true });
});

describe('the file of --capture', () => {
  /** The other options, of which something is wrong. */
  const wrong = [
    ['a port that is in use', () => ['--port', 'qemu:listen:127.0.0.1:0', '--port', busy]],
    ['a port that is in use, and workers', () => ['--workers', '--port', 'qemu:listen:127.0.0.1:0', '--port', busy]],
    ['a kernel that is none', () => ['--kernel', fileURLToPath(import.meta.url)]],
  ] as const;

  async function boot(file: string, options: readonly string[]): Promise<number> {
    return main(['boot', '--capture', file, '--exec', 'true', ...options], testStreams());
  }

  it.each(wrong)('keeps what it has where something else is wrong: %s', async (_, options) => {
    const file = join(folder, 'good.pcapng');
    await writeFile(file, 'an earlier capture');
    expect(await boot(file, options())).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('an earlier capture');
  });

  it.each(wrong)('is not made where something else is wrong: %s', async (_, options) => {
    const file = join(folder, 'new.pcapng');
    expect(await boot(file, options())).toBe(2);
    expect(existsSync(file)).toBe(false);
  });
});

describe('a late sink', () => {
  it('has writes wait until it begins', async () => {
    const sink = new TestSink();
    const late = new LateSink(sink);
    const first = late.write(Uint8Array.of(1, 2));
    await new Promise(setImmediate);
    expect(sink.file).toHaveLength(0);
    late.begin();
    await first;
    await late.write(Uint8Array.of(3));
    late.giveUp();
    await late.write(Uint8Array.of(4));
    expect([...sink.file]).toEqual([1, 2, 3, 4]);
    await late.close();
    expect(sink.closed).toBe(true);
  });

  it('fails what waits when it is given up', async () => {
    const sink = new TestSink();
    const late = new LateSink(sink);
    const writing = late.write(Uint8Array.of(1));
    late.giveUp();
    await expect(writing).rejects.toThrow('there was nothing to capture');
    expect(sink.file).toHaveLength(0);
  });
});
