import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Loopback } from '../../src/fabric/index.js';
import { connect, Sent } from '../../src/net/link/port.js';
import { driverRules } from '../../src/virtio/rules.js';
import { plainFrame } from '../support/frames.js';
import { NetDriver, newCard, runningCard, type Card } from '../support/netDriver.js';
import type { TestMemory } from '../support/memory.js';
import { writeDescriptor, type DriverQueue } from '../support/naiveDriver.js';
import { packedFlag, writePackedDescriptor } from '../support/packedDriver.js';
import { status, type PciDriver } from '../support/pciDriver.js';

const memoryBytes = 0x8000;
const queueSize = 8;
/** Two pairs and control. */
const queues = 5;

/** Nowhere in guest memory stands a byte this large, but the guards around it hold nothing else. */
const largestByte = 0x9f;

const descriptor = {
  address: fc.oneof(
    { weight: 20, arbitrary: fc.nat(memoryBytes).map(BigInt) },
    { weight: 2, arbitrary: fc.integer({ min: memoryBytes - 8, max: memoryBytes + 8 }).map(BigInt) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 64n - 16n, max: 2n ** 64n - 1n }) },
  ),
  length: fc.oneof(
    { weight: 20, arbitrary: fc.nat(300) },
    { weight: 10, arbitrary: fc.nat(8).map((entries) => 16 * entries) },
    { weight: 1, arbitrary: fc.nat(0xffffffff) },
  ),
  flags: fc.oneof({ weight: 20, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
  next: fc.oneof({ weight: 20, arbitrary: fc.nat(queueSize) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
};
const queue = fc.nat(queues - 1);
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('describe' as const), queue, index: fc.nat(7), ...descriptor }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      queue,
      heads: fc.array(fc.nat(queueSize), { maxLength: 5 }),
      jump: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('poke' as const),
      at: fc.nat(memoryBytes - 64),
      bytes: fc.array(fc.nat(largestByte), { maxLength: 64 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('notify' as const), queue: fc.nat(queues) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), sizes: fc.array(fc.nat(400), { maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('room' as const), room: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), milliseconds: fc.nat(2000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A frame of small bytes. */
const quietFrame = (size: number): Uint8Array => plainFrame(size).map((byte) => byte % largestByte);

type Describe = Extract<Step, { do: 'describe' }>;
type Offer = Extract<Step, { do: 'offer' }>;

/** How garbage gets into the rings of each layout. */
const layouts = {
  split: {
    describe(memory: TestMemory, ring: DriverQueue, step: Describe): void {
      writeDescriptor(memory, ring.addresses.descriptorArea, step.index, step);
    },
    offer({ view }: TestMemory, { addresses: { driverArea } }: DriverQueue, { heads, jump }: Offer): void {
      const index = view.getUint16(driverArea + 2, true);
      heads.forEach((head, i) => view.setUint16(driverArea + 4 + 2 * ((index + i) % queueSize), head, true));
      view.setUint16(driverArea + 2, (index + heads.length + jump) & 0xffff, true);
    },
  },
  packed: {
    describe(memory: TestMemory, ring: DriverQueue, step: Describe): void {
      writePackedDescriptor(memory, ring.addresses.descriptorArea, step.index, { ...step, id: step.next });
    },
    /** From where the device says that it looks next, as many descriptors become available as there are heads. */
    offer({ view }: TestMemory, { addresses }: DriverQueue, { heads, jump }: Offer): void {
      const next = view.getUint16(addresses.deviceArea, true);
      let wrap = next >>> 15;
      for (let i = (next & 0x7fff) + (jump % queueSize); i < (next & 0x7fff) + heads.length; i++) {
        if (i % queueSize === 0 && i > (next & 0x7fff)) wrap ^= 1;
        const at = addresses.descriptorArea + 16 * (i % queueSize) + 14;
        const flags = view.getUint16(at, true) & ~(packedFlag.available | packedFlag.used);
        view.setUint16(at, flags | (wrap ? packedFlag.available : packedFlag.used), true);
      }
    },
  },
} as const;
type Layout = keyof typeof layouts;

function act({ machine, wire, clock }: Card, driver: PciDriver, layout: Layout, step: Step): void {
  const { memory } = machine;
  if (step.do === 'describe') layouts[layout].describe(memory, driver.queues[step.queue], step);
  else if (step.do === 'offer') layouts[layout].offer(memory, driver.queues[step.queue], step);
  else if (step.do === 'poke') memory.bytes.set(step.bytes, step.at);
  else if (step.do === 'notify') driver.notify(step.queue);
  else if (step.do === 'arrive') wire.deliver(...step.sizes.map(quietFrame));
  else if (step.do === 'room') {
    wire.answer = step.room ? Sent.taken : Sent.full;
    wire.tellRoom();
  } else machine.watch(() => clock.advance(step.milliseconds));
}

/** Every fault has a rule, and the status says what the faults said. */
function expectHonest({ faults, pci }: Card): void {
  for (const { fault } of faults) {
    expect(driverRules).toHaveProperty(fault.rule);
    expect(fault.message).toContain(driverRules[fault.rule].says);
  }
  const needsReset = (pci.negotiation.status & status.needsReset) !== 0;
  expect(needsReset).toBe(faults.some((event) => event.needsReset));
}

function expectWorking(card: Card): void {
  card.card.attach(card.wire);
  card.wire.answer = Sent.taken;
  const driver = new NetDriver(card.machine);
  card.wire.sent = [];
  driver.giveBuffers(0, [200]);
  card.wire.deliver(plainFrame(60));
  expect(driver.frames(0)).toEqual([plainFrame(60)]);
  driver.send(0, plainFrame(80));
  expect(card.wire.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(80)]);
}

describe('a hostile guest', { timeout: 60000 }, () => {
  it.each<[Layout, string]>([
    ['split', 'a wire'],
    ['split', 'a loopback'],
    ['packed', 'a wire'],
    ['packed', 'a loopback'],
  ])('with any garbage in its %s rings, on %s, breaks no more than its own card', (layout, to) => {
    const rules = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const features = { VIRTIO_F_RING_PACKED: layout === 'packed' };
        const card = newCard({ queuePairs: 2, queueSize, memory: memoryBytes, features });
        if (to === 'a loopback') connect(card.card, new Loopback());
        const { pci } = new NetDriver(card.machine);
        for (const step of steps) act(card, pci, layout, step);
        for (const { bytes } of card.wire.sent) expect(bytes.includes(0xa5)).toBe(false);
        expectHonest(card);
        for (const { fault } of card.faults) rules.add(fault.rule);
        expectWorking(card);
      }),
      { numRuns: 250 },
    );
    // The garbage gets deep enough to break rules of many kinds, of which a packed ring has fewer.
    expect(rules.size).toBeGreaterThan(layout === 'split' ? 8 : 4);
  });

  it('that makes one buffer available again and again while it waits does not fill the host', () => {
    const features = { VIRTIO_F_RING_PACKED: false };
    const { driver, wire, faults, machine } = runningCard({ queuePairs: 1, queueSize: 16, features });
    wire.answer = Sent.full;
    driver.send(0, plainFrame(60));
    const ring = driver.pci.queues[1];
    for (let i = 0; i < 100; i++) {
      ring.offer(0);
      machine.watch(() => driver.pci.notify(1));
    }
    expect(faults[0]).toMatchObject({ needsReset: true, fault: { rule: 'available-index', queue: 1 } });
  });

  it('that makes descriptors available again which the device has does not fill the host', () => {
    const { driver, wire, faults, machine } = runningCard({ queuePairs: 1, queueSize: 16 });
    wire.answer = Sent.full;
    const { descriptorArea } = driver.pci.queues[1].addresses;
    for (let i = 0; i < 100; i++) {
      const flags = Math.floor(i / 16) % 2 === 0 ? packedFlag.available : packedFlag.used;
      writePackedDescriptor(machine.memory, descriptorArea, i % 16, { address: 0x1000, length: 72, id: 3, flags });
      driver.pci.notify(1);
    }
    expect(faults[0]).toMatchObject({ needsReset: true, fault: { rule: 'available-index', queue: 1 } });
  });

  // As a driver in another thread can, which looks at the elements of the used ring and not at its index.
  const patience = 100;
  const split = { queuePairs: 1, queueSize: 16, features: { VIRTIO_F_RING_PACKED: false } };

  it('that sends a packet again for each that it sees used, before it is told, is not served for ever', () => {
    const { driver, wire, faults, machine } = runningCard(split);
    machine.watching = false;
    let frames = 0;
    wire.answer = () => {
      if (frames++ < patience) driver.pci.queues[1].offer(0);
      return Sent.taken;
    };
    driver.send(0, plainFrame(60));
    expect(wire.sent).toHaveLength(16);
    expect(faults[0]).toMatchObject({ needsReset: true, fault: { rule: 'available-index', queue: 1 } });
  });

  it('that gives a command again for each that it sees used, before it is told, is not served for ever', () => {
    const { driver, card, faults, machine, pci } = runningCard(split);
    machine.watching = false;
    const { controlQueue } = driver;
    pci.onFault.on(() => {
      if (faults.length < patience) driver.pci.queues[controlQueue].offer(0);
    });
    driver.queueBytes(controlQueue, Uint8Array.of(255, 255), [], [1]);
    driver.pci.kick(controlQueue);
    expect(card.statistics.control.commands).toBe(16);
    expect(faults.at(-1)).toMatchObject({ needsReset: true, fault: { rule: 'available-index', queue: controlQueue } });
  });

  it('with receive buffers in its own rings hurts only itself', () => {
    const card = runningCard({ queuePairs: 1, queueSize: 16 });
    const { driver, wire, machine } = card;
    const ring = driver.pci.queues[0];
    const { descriptorArea, driverArea, deviceArea } = ring.addresses;
    for (const address of [descriptorArea, driverArea, deviceArea])
      ring.add([{ address, length: 256, writable: true }]);
    driver.pci.kick(0);
    for (let i = 0; i < 20; i++) wire.deliver(plainFrame(200, i));
    machine.memory.checkGuards();
    expectWorking(card);
  });
});
