import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { runBench } from '../bench/run.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-bench-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it(
  'the benchmark measures guests in workers beside those of QEMU, or says why it did not',
  { timeout: 300_000 },
  async () => {
    const peers = ['virtio-mq-workers', 'qemu-tap'];
    const only = ['guests', 'ping-rtt', ...peers].flatMap((name) => ['--only', name]);
    const { status, result } = await runBench([...only, '--runs', '1', '--warm-up', '0', '--out', folder]);
    expect(result.suites).toMatchObject([{ name: 'guests' }]);
    expect(status).toBe(0);
    const rtt = result.measures.find(({ name }) => name === 'ping-rtt');
    const skipped = result.skipped.map(({ what }) => what);
    for (const peer of peers) {
      if (skipped.includes(peer)) expect(result.skipped.find(({ what }) => what === peer)?.why).toMatch(/./);
      else expect(rtt?.median[peer]).toBeGreaterThan(0);
    }
    expect(skipped).not.toContain('virtio-mq-workers');
    expect(result.targets.find(({ name }) => name === 'losses')).toMatchObject({ values: [0], met: true });
  },
);
