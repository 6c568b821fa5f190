import { describe, expect, it } from 'vitest';

import { checkTapNetwork, qemuTap } from '../../src/lab/targets/qemuTap.node.js';
import { UserError } from '../../src/vm/errors.js';
import { describeSubsets } from '../lab/targets/subsets.js';
import { describeOperations } from '../lab/targets/operations.js';

/** Why there can be no tap here, or undefined when there can. */
const obstacle: unknown = await checkTapNetwork().then(
  () => undefined,
  (error: unknown) => error,
);

if (obstacle) {
  // Not every machine lets its users make networks; then the one thing to show is that we say so.
  it('says why there is no tap', async () => {
    expect(obstacle).toBeInstanceOf(UserError);
    await expect(qemuTap()).rejects.toThrow('No network namespace with taps can be made here');
  });
} else {
  describe("QEMU's card on a multiqueue tap", () => {
    describeOperations(
      () => qemuTap({ properties: { packed: true, rss: true, hash: true } }),
      [
        'all pairs',
        'all pairs, packed',
        'automatic steering',
        'RSS',
        'hash report',
        'checksum offload',
        'segmentation offload',
        'receive modes and address table',
        'VLAN filter',
        'receive offloads',
        'reset of a queue',
      ],
    );
    describeSubsets(() => qemuTap({ properties: { packed: true, rss: true, hash: true } }), 15);
  });
}
