import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { runBench } from './run.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-bench-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('a suite that fails in its process is named, and the exit status is 1', async () => {
  const out = join(folder, 'results');
  // No image can be made there.
  const { status, result, progress } = await runBench(['--only', 'guests', '--only', 'loopback', '--out', out], {
    VMQ_CACHE: '/dev/null/nowhere',
  });
  expect(status).toBe(1);
  expect(result.suites).toMatchObject([{ name: 'guests', failed: expect.stringMatching(/./) as string }]);
  expect(result.measures).toEqual([]);
  expect(progress).toContain(`suite guests failed: ${result.suites[0].failed}`);
  expect(JSON.parse(await readFile(join(out, 'results.json'), 'utf8'))).toEqual(result);
  expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('Suite guests failed: ');
});
