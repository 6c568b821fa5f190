import fc from 'fast-check';
import { expect, it } from 'vitest';
import { driverRules } from '../../src/virtio/rules.js';
import type { AccessWidth } from '../../src/virtio/registers.js';
import { plainFrame } from '../support/frames.js';
import { NetDriver, newCard, type Card } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const barBytes = 0x20000;

/** Where something lies in the BAR, and so where accesses are worth the most. */
const places = [0x0000, 0x1000, 0x2000, 0x4000, 0x8000, 0x18000];
const width = fc.constantFrom<AccessWidth>(1, 2, 4);
const value = fc.oneof(
  fc.nat(0xffffffff),
  fc.nat(15),
  fc.constantFrom(0, 0xff, 0xffff, 0xffffffff, 0x8000, 0xc000, 0x80000000),
);
const offset = {
  config: fc.nat(255),
  bar: fc.oneof(
    fc.tuple(fc.constantFrom(...places), fc.nat(64)).map(([place, more]) => place + more),
    fc.nat(barBytes - 1),
  ),
};
const step = fc.oneof(
  fc.record({ space: fc.constant('config' as const), offset: offset.config, width, value, write: fc.boolean() }),
  fc.record({ space: fc.constant('bar' as const), offset: offset.bar, width, value, write: fc.boolean() }),
  // The status comes by as a driver would write it, or nothing behind it would ever be reached.
  fc.record({
    space: fc.constant('bar' as const),
    offset: fc.constant(20),
    width: fc.constant<AccessWidth>(1),
    value: fc.constantFrom(0, 1, 3, 11, 15),
    write: fc.constant(true),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function access({ pci, machine }: Card, { space, offset, width, value, write }: Step): void {
  const registers = space === 'config' ? pci.config : pci.bars[0]!;
  machine.watch(() => {
    if (write) {
      registers.write(offset, width, value);
      return;
    }
    const read = registers.read(offset, width);
    expect(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width)).toBe(true);
  });
}

/** A driver brings the card up, whatever was done to it, and it works. */
function recovers({ machine, wire }: Card): void {
  const driver = new NetDriver(machine);
  wire.sent = [];
  driver.giveBuffers(0, [200]);
  wire.deliver(plainFrame(60));
  expect(driver.frames(0)).toEqual([plainFrame(60)]);
  driver.send(0, plainFrame(80));
  expect(wire.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(80)]);
  expect(driver.setPairs(driver.maxPairs)).toBe(0);
}

it.each(['fresh', 'running'])(
  'a %s card survives any register accesses, and can be brought up after them',
  { timeout: 60000 },
  (state) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const card = newCard({ queuePairs: 2, queueSize: 4, memory: 0x8000 });
        if (state === 'running') new NetDriver(card.machine);
        for (const step of steps) access(card, step);
        for (const { fault } of card.faults) expect(driverRules).toHaveProperty(fault.rule);
        const needed = card.faults.some(({ needsReset }) => needsReset);
        if (card.pci.negotiation.status & status.needsReset) expect(needed).toBe(true);
        recovers(card);
      }),
      { numRuns: 150 },
    );
  },
);

it('no offset of the BAR, in any width, answers with more than its width or throws', { timeout: 60000 }, () => {
  const card = newCard({ queuePairs: 1, memory: 0x8000 });
  card.machine.watching = false;
  const bar = card.pci.bars[0]!;
  for (const place of places) {
    for (let offset = place - 4; offset < place + 0x100; offset++) {
      for (const width of [1, 2, 4] as const) {
        if (offset < 0) continue;
        expect(bar.read(offset, width)).toBeLessThan(2 ** (8 * width));
        bar.write(offset, width, 0xffffffff);
      }
    }
  }
  recovers(card);
});
