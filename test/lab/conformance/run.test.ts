import { expect, it, vi } from 'vitest';

import { claim, type Case } from '../../../src/lab/conformance/case.js';
import { runCases, type Subject } from '../../../src/lab/conformance/run.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';

const expected: Omit<Case, 'id' | 'run'> = { statements: ['basic-dev-001'], section: '2.1', expects: 'something' };

/** A machine on whose bus nothing answers. */
const empty: Subject = {
  name: 'empty',
  patience: 10,
  choices: [],
  make: () => {
    const target = inProcess();
    return Promise.resolve({ ...target, machine: { ...target.machine, readPort: () => Promise.resolve(0xffffffff) } });
  },
};

it('fails each case on its own, and not the run, when the card can not even be asked what it offers', async () => {
  const results = await runCases(empty, [
    { ...expected, id: 'needs', needs: ['VIRTIO_NET_F_MQ'], run: async (bench) => (await bench.modern()).kind },
    { ...expected, id: 'plain', run: () => Promise.resolve(claim(true, 'as it should be')) },
  ]);
  expect(results.map(({ case: id, result }) => `${id}: ${result}`)).toEqual(['needs: fail', 'plain: pass']);
  expect(results[0].seen).toContain('no virtio device');
});

it('waits before each case, and ends when that throws, with the cases under way done and their cards closed', async () => {
  const closed = vi.fn();
  const pair: Subject = {
    ...empty,
    parallel: 2,
    make: () => Promise.resolve({ ...inProcess(), close: () => Promise.resolve(closed()) }),
  };
  const order: string[] = [];
  const cases = ['first', 'slow', 'third', 'fourth'].map((id): Case => {
    const run = async (): Promise<string> => {
      order.push(id);
      if (id === 'slow') await new Promise((resolve) => setTimeout(resolve, 50));
      return claim(true, 'as it should be');
    };
    return { ...expected, id, run };
  });
  const enough = new Error('enough');
  const work = runCases(pair, cases, async (_, { id }) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    order.push(`before ${id}`);
    if (id === 'third') throw enough;
  });
  await expect(work).rejects.toBe(enough);
  expect(order).toEqual(['before first', 'first', 'before slow', 'slow', 'before third']);
  expect(closed).toHaveBeenCalledTimes(2);
});
