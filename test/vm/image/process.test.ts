import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { run } from '../../../src/vm/image/process.node.js';

let directory: string;
beforeAll(async () => (directory = await mkdtemp(join(tmpdir(), 'vmq-process-'))));
afterAll(() => rm(directory, { recursive: true }));

describe('a program that a signal stops', () => {
  it("fails with the signal's reason, once it has ended and writes no more", async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const script = 'trap "sleep 0.2; echo done > last; exit" TERM; echo ready >&3; while :; do sleep 0.02; done';
    const onStatus = (): void => controller.abort(reason);
    await expect(run('sh', ['-c', script], { directory, signal: controller.signal, onStatus })).rejects.toBe(reason);
    expect(await readFile(join(directory, 'last'), 'utf8')).toBe('done\n');
  });

  it('fails so too when it did not begin, or ended at the same time', async () => {
    const reason = new Error('enough');
    await expect(run('sleep', ['60'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const onStatus = (): void => controller.abort(reason);
    const ending = run('sh', ['-c', 'echo ready >&3; exit 100'], { signal: controller.signal, onStatus });
    await expect(ending).rejects.toBe(reason);
  });
});
