import { afterEach, describe, expect, it, vi } from 'vitest';

import { Interrupted } from '../../src/cli/interrupt.js';
import { main } from '../../src/cli/main.js';
import { inSteps } from '../../src/cli/steps.js';
import { TestOutput, testStreams } from './streams.js';

afterEach(() => vi.unstubAllEnvs());

const interrupt = (): boolean => process.emit('SIGINT', 'SIGINT');

/** Runs the command, and sends it SIGINT in the first turn of the event loop in which its standard error satisfies `when`. */
async function stopped(args: readonly string[], when: (text: string) => boolean, terminal = false) {
  const streams = testStreams({ terminal });
  const listeners = process.listenerCount('SIGINT');
  const watch = setInterval(() => {
    if (process.listenerCount('SIGINT') > listeners && when(streams.stderr.text)) {
      clearInterval(watch);
      interrupt();
    }
  }, 5);
  try {
    return { status: await main(args, streams), out: streams.stdout.text, err: streams.stderr.text };
  } finally {
    clearInterval(watch);
  }
}

const sweeping = ['probe', '--target', 'virtio-mq', '--sweep', '--random', '30000'];
/** The sets that the lines of progress name. */
const sets = (text: string): Set<string> => new Set(text.match(/set \d+ of/g));

describe('a signal', () => {
  it.each([
    ['a sweep', [...sweeping, '--json']],
    ['a run of cases', ['conform', '--target', 'virtio-mq']],
    ['a comparison', ['conform', '--compare', 'virtio-mq,v86', '--json']],
  ])('ends %s that works in memory alone, with one word, and prints no half of a result', async (_, args) => {
    const { status, out, err } = await stopped(args, () => true);
    expect({ status, out }).toEqual({ status: 130, out: '' });
    expect(err).toMatch(/^(virtio-mq: .*\n)+Stopped\.\n$/);
  });

  it('comes before what the work fails with for its sake', async () => {
    const work = inSteps(new TestOutput(), async () => {
      interrupt();
      await Promise.reject(new Error('QEMU was ended by SIGINT'));
    });
    await expect(work).rejects.toBeInstanceOf(Interrupted);
    await expect(inSteps(new TestOutput(), () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});

it('moves the line of progress on a terminal while the work is in memory alone', async () => {
  vi.stubEnv('TERM', 'xterm');
  const { status, err } = await stopped(sweeping, (text) => sets(text).size > 2, true);
  expect(status).toBe(130);
  expect(sets(err).size).toBeGreaterThan(2);
  expect(err).toMatch(/Stopped\.\n$/);
});
