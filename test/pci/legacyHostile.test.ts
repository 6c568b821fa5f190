import fc from 'fast-check';
import { expect, it } from 'vitest';
import { driverRules } from '../../src/virtio/rules.js';
import type { AccessWidth } from '../../src/virtio/registers.js';
import { plainFrame } from '../support/frames.js';
import { NetDriver, newCard, type Card } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const width = fc.constantFrom<AccessWidth>(1, 2, 4);
const value = fc.oneof(fc.nat(0xffffffff), fc.nat(31), fc.constantFrom(0, 0xff, 0xffff, 0xffffffff, 0x8000, 0xc000));
const io = fc.record({ space: fc.constant('io' as const), offset: fc.nat(63), width, value, write: fc.boolean() });
/** What a driver writes: features, a page of memory, a queue's number, a status. */
const likely = fc
  .oneof(
    fc.tuple(fc.constant(4), fc.constant<AccessWidth>(4), fc.nat(0xffffffff)),
    fc.tuple(fc.constant(8), fc.constant<AccessWidth>(4), fc.nat(12)),
    fc.tuple(fc.constantFrom(14, 16), fc.constant<AccessWidth>(2), fc.nat(6)),
    fc.tuple(fc.constant(18), fc.constant<AccessWidth>(1), fc.constantFrom(0, 1, 3, 7, 7, 7)),
  )
  .map(([offset, width, value]) => ({ space: 'io' as const, offset, width, value, write: true }));
/** The modern interface of the same card, so that the two are mixed, and MSI-X, which moves the registers. */
const modern = fc.record({
  space: fc.constant('memory' as const),
  offset: fc.oneof(fc.nat(55), fc.constantFrom(20, 28), fc.nat(0x1ffff)),
  width,
  value: fc.oneof(value, fc.constantFrom(1, 3, 11, 15)),
  write: fc.boolean(),
});
const config = fc.record({
  space: fc.constant('config' as const),
  offset: fc.nat(255),
  width,
  value,
  write: fc.boolean(),
});
const step = fc.oneof({ weight: 4, arbitrary: likely }, { weight: 3, arbitrary: io }, modern, config);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function access({ pci, machine }: Card, { space, offset, width, value, write }: Step): void {
  const registers = { io: pci.bars[0]!, memory: pci.bars[1]!, config: pci.config }[space];
  machine.watch(() => {
    if (write) {
      registers.write(offset, width, value);
      return;
    }
    const read = registers.read(offset, width);
    expect(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width)).toBe(true);
  });
}

/** A driver of that kind brings the card up, whatever was done to it, and it works. */
function recovers({ machine, wire }: Card, legacy: boolean): void {
  const driver = new NetDriver(machine, { legacy });
  wire.sent = [];
  driver.giveBuffers(0, [200]);
  wire.deliver(plainFrame(60));
  expect(driver.frames(0)).toEqual([plainFrame(60)]);
  driver.send(0, plainFrame(80));
  expect(wire.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(80)]);
  expect(driver.setPairs(driver.maxPairs)).toBe(0);
}

it.each(['fresh', 'running'])(
  'a %s transitional card survives any accesses of both interfaces, and can be brought up after them by either',
  { timeout: 120000 },
  (state) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), (steps, legacy) => {
        const card = newCard({ queuePairs: 2, queueSize: 4, memory: 0x20000, transitional: true });
        if (state === 'running') new NetDriver(card.machine, { legacy: true });
        for (const step of steps) access(card, step);
        for (const { fault } of card.faults) expect(driverRules).toHaveProperty(fault.rule);
        if (card.pci.negotiation.status & status.needsReset) {
          expect(card.faults.some(({ needsReset }) => needsReset)).toBe(true);
        }
        recovers(card, legacy);
      }),
      { numRuns: 150 },
    );
  },
);

it('whatever memory holds where a legacy driver says that a ring is', { timeout: 60000 }, () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 256 }), fc.nat(15), fc.nat(5), (noise, page, queue) => {
      const card = newCard({ queuePairs: 2, queueSize: 4, memory: 0x20000, transitional: true });
      const { machine, pci } = card;
      const ports = pci.bars[0]!;
      pci.config.write(4, 2, 7);
      for (let at = 0; at < 0x10000; at += noise.length) machine.memory.bytes.set(noise, at);
      machine.watch(() => {
        ports.write(4, 4, ports.read(0, 4));
        for (let index = 0; index < 5; index++) {
          ports.write(14, 2, index);
          ports.write(8, 4, page);
        }
        ports.write(18, 1, 7);
        ports.write(16, 2, queue);
      });
      card.wire.deliver(plainFrame(60));
      expect(machine.messages).toEqual([]);
      recovers(card, true);
    }),
    { numRuns: 200 },
  );
});

it('no offset of the ports, in any width, answers with more than its width or throws', () => {
  const card = newCard({ queuePairs: 1, transitional: true, memory: 0x8000 });
  const ports = card.pci.bars[0]!;
  for (const msix of [0, 0x8000]) {
    card.pci.config.write(0x42, 2, msix);
    for (let offset = 0; offset < 64; offset++) {
      for (const width of [1, 2, 4] as const) {
        expect(ports.read(offset, width)).toBeLessThan(2 ** (8 * width));
        ports.write(offset, width, 0xffffffff);
        ports.write(offset, width, 0);
      }
    }
  }
});
