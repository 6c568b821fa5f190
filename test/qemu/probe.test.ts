import { describe, expect, it } from 'vitest';

import { openModern } from '../../src/driver/index.js';
import { negotiateStepByStep, readTree, sweep } from '../../src/lab/probe/index.js';
import { qemu } from '../../src/lab/targets/qemu.node.js';

describe("a probe of QEMU's card", () => {
  it('shows what it is', async () => {
    const target = await qemu();
    try {
      const transport = await openModern(target.machine);
      const negotiated = await negotiateStepByStep(transport, (offered) => offered);
      expect(negotiated.steps.at(-1)).toMatchObject({ step: 'DRIVER_OK', status: 15 });
      const tree = await readTree(transport, await transport.offered());
      const [header] = tree;
      expect(header.children).toContainEqual({ name: 'device', value: 0x1000, width: 2, means: 'transitional' });
    } finally {
      await target.close();
    }
  });

  it('finds that it agrees to anything', async () => {
    const target = await qemu();
    try {
      const { counts, surprises } = await sweep(await openModern(target.machine), { random: 30 });
      expect(counts.map(({ refused }) => refused)).toEqual([0, 0, 0]);
      expect(surprises.map(({ rule }) => rule)).toContain('a feature that is not offered');
    } finally {
      await target.close();
    }
  });
});
