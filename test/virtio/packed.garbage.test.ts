import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PackedQueue } from '../../src/virtio/packed.js';
import { DriverFault } from '../../src/virtio/rules.js';
import { TestMemory } from '../support/memory.js';
import { NaiveFault } from '../support/naiveDevice.js';
import { PackedDevice } from '../support/packedDevice.js';
import { allocatePackedRing, packedFlag, writePackedDescriptor } from '../support/packedDriver.js';
import { takeAll } from '../support/takeAll.js';

const memoryBytes = 0x4000;
const { next, write, indirect, available, used } = packedFlag;

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
  id: fc.nat(0xffff),
  kind: fc.constantFrom(0, 0, next, next, write, write, write | next, indirect, indirect, indirect | next),
  /** Whether the driver has made it available in the round in which the device comes by. */
  offered: fc.oneof({ weight: 12, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  reserved: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
});

const garbage = fc
  .record({
    size: fc.integer({ min: 1, max: 8 }),
    indirect: fc.boolean(),
    eventIndex: fc.boolean(),
    ring: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
    elsewhere: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
  })
  .chain((chosen) => fc.record({ ...record(chosen), start: fc.nat(2 * chosen.size - 1) }));
type Garbage = typeof garbage extends fc.Arbitrary<infer T> ? T : never;

function record<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const constants = Object.entries(values).map(([name, value]) => [name, fc.constant(value as unknown)]);
  return Object.fromEntries(constants) as { [K in keyof T]: fc.Arbitrary<T[K]> };
}

function filled({ size, start, ring, elsewhere }: Garbage) {
  const memory = new TestMemory(memoryBytes);
  const addresses = allocatePackedRing(memory, size);
  for (let i = 0; i < size; i++) {
    const place = start + i;
    const round = Math.floor(place / size) % 2 === 0 ? available : used;
    const { offered, kind, reserved, ...row } = ring[i];
    const flags = kind | (reserved & ~(available | used)) | (offered ? round : available | used);
    writePackedDescriptor(memory, addresses.descriptorArea, place % size, { ...row, flags });
  }
  elsewhere.forEach(({ kind, ...row }, i) => writePackedDescriptor(memory, 0x800, i, { ...row, flags: kind }));
  return { memory, addresses };
}

it('a packed queue takes from garbage what the naive one takes, and stops where that stops', { timeout: 60000 }, () => {
  let [whole, broken] = [0, 0];
  fc.assert(
    fc.property(garbage, (chosen) => {
      const { memory, addresses } = filled(chosen);
      const { size, start } = chosen;
      const queue = new PackedQueue({ index: 0, size, ...addresses }, memory, chosen);
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
      const device = new PackedDevice(memory, size, addresses, chosen, start);
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
