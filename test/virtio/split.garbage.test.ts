import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DriverFault } from '../../src/virtio/rules.js';
import { SplitQueue } from '../../src/virtio/split.js';
import { TestMemory } from '../support/memory.js';
import { NaiveDevice, NaiveFault } from '../support/naiveDevice.js';
import { allocateRings, writeDescriptor } from '../support/naiveDriver.js';
import { takeAll } from '../support/takeAll.js';

const memoryBytes = 0x4000;

/** Mostly what a driver could write, sometimes anything. */
const descriptor = fc.record({
  address: fc.oneof(
    { weight: 30, arbitrary: fc.nat(memoryBytes / 16 - 9).map((n) => BigInt(16 * n)) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 64n - 64n, max: 2n ** 64n - 1n }) },
  ),
  length: fc.oneof(
    { weight: 30, arbitrary: fc.nat(8).map((n) => 16 * n) },
    { weight: 2, arbitrary: fc.nat(300) },
    { weight: 1, arbitrary: fc.nat(0xffffffff) },
  ),
  flags: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(0, 0, 1, 1, 2, 2, 3, 4, 5, 6) },
    { weight: 1, arbitrary: fc.nat(0xffff) },
  ),
  next: fc.oneof({ weight: 30, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
});

const garbage = fc.record({
  size: fc.constantFrom(1, 2, 4, 8),
  indirect: fc.boolean(),
  eventIndex: fc.boolean(),
  start: fc.constantFrom(0, 65533),
  table: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
  /** What tables elsewhere hold, from one place on. */
  elsewhere: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
  heads: fc.array(fc.nat(8), { minLength: 8, maxLength: 8 }),
  ahead: fc.oneof({ weight: 15, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
});
type Garbage = typeof garbage extends fc.Arbitrary<infer T> ? T : never;

function filled({ size, start, table, elsewhere, heads, ahead }: Garbage) {
  const memory = new TestMemory(memoryBytes);
  const rings = allocateRings(memory, size);
  table.slice(0, size).forEach((row, i) => writeDescriptor(memory, rings.descriptorArea, i, row));
  elsewhere.forEach((row, i) => writeDescriptor(memory, 0x800, i, row));
  heads.slice(0, size).forEach((head, i) => memory.view.setUint16(rings.driverArea + 4 + 2 * i, head, true));
  memory.view.setUint16(rings.driverArea + 2, (start + ahead) & 0xffff, true);
  return { memory, rings };
}

it('a split queue takes from garbage what the naive one takes, and stops where that stops', { timeout: 60000 }, () => {
  let [whole, broken] = [0, 0];
  fc.assert(
    fc.property(garbage, (chosen) => {
      const { memory, rings } = filled(chosen);
      const queue = new SplitQueue({ index: 0, size: chosen.size, ...rings }, memory, chosen);
      const { start } = chosen;
      queue.restore({ nextAvailable: start, nextUsed: start, publishedUsed: start, decidedUsed: start });
      const ours = memory.watch(() =>
        takeAll(() => {
          const chain = queue.next();
          return (
            chain && {
              head: chain.head,
              elements: Array.from({ length: chain.count }, (_, i) => ({
                address: chain.addresses[i],
                length: chain.lengths[i],
                writable: i >= chain.readableCount,
              })),
            }
          );
        }, DriverFault),
      );
      const device = new NaiveDevice(memory, chosen.size, rings, chosen, start);
      expect(ours).toEqual(takeAll(() => device.take(), NaiveFault));
      whole += ours.taken.length;
      broken += Number(ours.broken);
    }),
    { numRuns: 2000 },
  );
  // The garbage is neither all good nor all bad, or this would show nothing.
  expect(whole).toBeGreaterThan(300);
  expect(broken).toBeGreaterThan(300);
});
