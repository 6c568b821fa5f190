import { describe, expect, it } from 'vitest';

import { bench, type BenchExtent } from '../../tools/bench/bench.js';
import type { Extent, Suite, SuiteResult } from '../../tools/bench/suite.js';
import { suiteOf } from './suite.js';

const extent: BenchExtent = { runs: 2, warmUpSeconds: 0, quick: false, only: [] };
const measure = { name: 'rate', unit: 'kpps', values: { ours: [1, 3] }, median: { ours: 2 }, spread: {} };
const found: SuiteResult = {
  measures: [measure],
  shown: [{ target: 'losses', values: [0, 0] }],
  skipped: [{ what: 'qemu-tap', why: 'there is no tap' }],
};

const run = (suite: Suite, given: Extent): Promise<SuiteResult> =>
  suite.run({ ...given, chosen: (all) => all, progress: () => undefined });

describe('the benchmark', () => {
  it('puts together what the suites found', async () => {
    const result = await bench([suiteOf('a', {}, found), suiteOf('b')], extent, () => undefined, run);
    expect(result).toMatchObject({
      runs: 2,
      suites: [{ name: 'a' }, { name: 'b' }],
      measures: [{ suite: 'a', ...measure }],
      skipped: [{ suite: 'a', what: 'qemu-tap', why: 'there is no tap' }],
    });
    expect(result.targets.filter(({ met }) => met).map(({ name }) => name)).toEqual(['losses']);
  });

  it('names a suite that fails, and goes on with the others', async () => {
    const said: string[] = [];
    const bad = suiteOf('bad', { run: () => Promise.reject(new Error('no guest came up')) });
    const result = await bench([bad, suiteOf('good', {}, found)], extent, (text) => said.push(text), run);
    expect(result.suites).toMatchObject([{ name: 'bad', failed: 'no guest came up' }, { name: 'good' }]);
    expect(result.suites[1]).not.toHaveProperty('failed');
    expect(result.measures.map(({ suite }) => suite)).toEqual(['good']);
    expect(said).toContain('suite bad failed: no guest came up');
  });

  it('measures as long as each suite likes, or as long as it is told', async () => {
    const told: number[] = [];
    const listening = (_: Suite, { seconds }: Extent): Promise<SuiteResult> => {
      told.push(seconds);
      return Promise.resolve({ measures: [] });
    };
    const suites = [suiteOf('a', { seconds: 2 }), suiteOf('b', { seconds: 7 })];
    await bench(suites, extent, () => undefined, listening);
    await bench(suites, { ...extent, seconds: 1 }, () => undefined, listening);
    expect(told).toEqual([2, 7, 1, 1]);
  });
});
