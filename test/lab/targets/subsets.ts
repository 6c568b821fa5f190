import fc from 'fast-check';
import { expect, it } from 'vitest';

import { features, knownFeatures, NetDriver, openModern, withoutOrphans } from '../../../src/driver/index.js';
import type { Target } from '../../../src/lab/targets/target.js';
import { exchange } from './script.js';

/** A driver by chance: what it accepts of what is offered, and how it lays its buffers out. */
const anyDriver = fc.record({
  // Of two sets one has three quarters of all features, and the other a quarter.
  wish: fc.oneof(
    fc.tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 64n - 1n)).map(([a, b]) => a | b),
    fc.tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 64n - 1n)).map(([a, b]) => a & b),
  ),
  interrupts: fc.constantFrom('msix', 'intx'),
  receiveCuts: fc.constantFrom([], [3, 20]),
  sendCuts: fc.constantFrom([], [5, 60]),
  indirect: fc.boolean(),
  buffers: fc.integer({ min: 5, max: 16 }),
});

/** Whatever a driver accepts, as far as features go together, packets go both ways. */
export function describeSubsets(make: () => Promise<Target>, runs: number): void {
  it(`carries packets with any features, ${runs} times`, async () => {
    await fc.assert(
      fc.asyncProperty(anyDriver, async ({ wish, interrupts, receiveCuts, sendCuts, indirect, buffers }) => {
        const target = await make();
        try {
          const modern = features('VIRTIO_F_VERSION_1');
          const driver = await NetDriver.start(await openModern(target.machine), {
            accept: (offered) => withoutOrphans(offered & knownFeatures & (wish | modern)),
            queueSize: 16,
            interrupts,
            receive: { cuts: receiveCuts, buffers },
          });
          const way = {
            name: '',
            needs: [],
            cuts: sendCuts,
            indirect: indirect && driver.has('VIRTIO_F_INDIRECT_DESC'),
          };
          await exchange(target, driver, way, 8);
          expect(await driver.transport.readStatus()).toBe(15);
          await driver.stop();
        } finally {
          await target.close();
        }
      }),
      { numRuns: runs },
    );
  });
}
