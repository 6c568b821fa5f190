import { describe, expect, it } from 'vitest';
import type { DriverRule } from '../../src/virtio/rules.js';
import { plainFrame } from '../support/frames.js';
import { feature, newCard } from '../support/netDriver.js';
import { PciDriver, status } from '../support/pciDriver.js';

const transmit = 1;

/** A driver that has agreed on the least there is, before its queues. */
function newDriver() {
  const parts = newCard({ queuePairs: 1, queueSize: 16 });
  const driver = new PciDriver(parts.machine);
  driver.negotiate(feature.version1);
  return { ...parts, driver };
}

/** Puts a packet on the transmit queue. */
function queuePacket({ driver, machine }: ReturnType<typeof newDriver>): void {
  const address = machine.memory.allocate(72);
  machine.memory.bytes.set(plainFrame(60), address + 12);
  driver.queues[transmit].add([{ address, length: 72, writable: false }]);
}

describe('a queue', () => {
  it.each([16, 8, 4, 2, 1])('works with a size of %i', (size) => {
    const parts = newDriver();
    const ring = parts.driver.setUpQueue(transmit, { size });
    expect(parts.driver.get('queueSize')).toBe(size);
    parts.driver.driverOk();
    for (let i = 0; i < 3 * size; i++) {
      queuePacket(parts);
      parts.driver.kick(transmit);
      expect(ring.collect().length).toBe(1);
    }
    expect(parts.wire.sent.length).toBe(3 * size);
  });

  it('of 32768 entries works', () => {
    const { machine, wire } = newCard({ queuePairs: 1, queueSize: 32768, memory: 0x200000 });
    machine.watching = false;
    const driver = new PciDriver(machine);
    driver.negotiate(feature.version1);
    expect(driver.getQueue(transmit, 'queueSize')).toBe(32768);
    const ring = driver.setUpQueue(transmit);
    driver.driverOk();
    const address = machine.memory.allocate(72);
    const heads = Array.from({ length: 32768 }, () => ring.place([{ address, length: 72, writable: false }])!);
    ring.offer(...heads);
    driver.notify(transmit);
    expect(ring.collect().length).toBe(32768);
    expect(wire.sent.length).toBe(32768);
  });

  it('set up before DRIVER_OK is worked from then on, without a notification', () => {
    const parts = newDriver();
    parts.driver.setUpQueue(transmit);
    queuePacket(parts);
    expect(parts.wire.sent).toEqual([]);
    parts.driver.driverOk();
    expect(parts.wire.sent.length).toBe(1);
  });

  it('notified before DRIVER_OK is not touched (2.1.2)', () => {
    const parts = newDriver();
    const ring = parts.driver.setUpQueue(transmit);
    queuePacket(parts);
    parts.driver.notify(transmit);
    expect(parts.wire.sent).toEqual([]);
    expect(ring.collect()).toEqual([]);
    expect(parts.faults.map(({ fault }) => fault.rule)).toEqual(['notify-before-driver-ok']);
  });

  it('enabled after DRIVER_OK is worked at once', () => {
    const parts = newDriver();
    parts.driver.driverOk();
    parts.driver.setUpQueue(transmit, { enable: false });
    queuePacket(parts);
    parts.driver.set('queueEnable', 1);
    expect(parts.wire.sent.length).toBe(1);
    queuePacket(parts);
    expect(parts.driver.kick(transmit)).toBe(true);
    expect(parts.wire.sent.length).toBe(2);
  });

  it('enabled twice goes on where it was', () => {
    const parts = newDriver();
    const ring = parts.driver.setUpQueue(transmit);
    parts.driver.driverOk();
    queuePacket(parts);
    parts.driver.kick(transmit);
    parts.driver.setQueue(transmit, 'queueEnable', 1);
    queuePacket(parts);
    parts.driver.kick(transmit);
    expect(ring.collect().length).toBe(2);
    // The queue that is saved is the one at work.
    parts.pci.restore(parts.pci.save());
    queuePacket(parts);
    parts.driver.kick(transmit);
    expect(ring.collect().length).toBe(1);
    expect(parts.wire.sent.length).toBe(3);
    expect(parts.faults).toEqual([]);
  });

  it('keeps its size and addresses while it is enabled', () => {
    const { driver, faults } = newDriver();
    const { addresses } = driver.setUpQueue(transmit);
    driver.set('queueSize', 4);
    driver.setAddresses({ queueDesc: 0x8000, queueDriver: 0x8000, queueDevice: 0x8000 });
    expect([driver.get('queueSize'), driver.get('queueDesc')]).toEqual([16, addresses.descriptorArea]);
    expect(new Set(faults.map(({ fault }) => fault.rule))).toEqual(new Set(['queue-reconfigured']));
  });

  it('is not disabled by its driver (4.1.4.3.2)', () => {
    const { driver, faults } = newDriver();
    driver.setUpQueue(transmit);
    driver.set('queueEnable', 0);
    expect(driver.get('queueEnable')).toBe(1);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['queue-disabled-by-driver']);
  });

  it.each([3, 12, 17, 100, 0xffff])('of size %i reads back as unavailable (4.1.4.3.1)', (size) => {
    const { driver } = newDriver();
    driver.set('queueSelect', transmit);
    driver.set('queueSize', size);
    expect(driver.get('queueSize')).toBe(0);
  });
});

describe('a queue that can not be worked with makes the device need a reset:', () => {
  const beyond = 0x40000;
  const cases: [what: string, rule: DriverRule, change: (driver: PciDriver) => void][] = [
    ['a size that is no power of two', 'queue-size', (driver) => driver.set('queueSize', 12)],
    ['a size of 0', 'queue-size', (driver) => driver.set('queueSize', 0)],
    ['a size larger than offered', 'queue-size', (driver) => driver.set('queueSize', 32)],
    ['a misaligned descriptor table', 'ring-alignment', (driver) => driver.setAddresses({ queueDesc: 0x1008 })],
    ['a misaligned available ring', 'ring-alignment', (driver) => driver.setAddresses({ queueDriver: 0x1001 })],
    ['a misaligned used ring', 'ring-alignment', (driver) => driver.setAddresses({ queueDevice: 0x1002 })],
    ['a descriptor table beyond memory', 'ring-address', (driver) => driver.setAddresses({ queueDesc: beyond })],
    ['an available ring beyond memory', 'ring-address', (driver) => driver.setAddresses({ queueDriver: beyond - 6 })],
    ['a used ring above 4 GiB', 'ring-address', (driver) => driver.setAddresses({ queueDevice: 2 ** 32 })],
    ['rings at the end of 64 bits', 'ring-address', (driver) => driver.setAddresses({ queueDesc: 2 ** 64 - 2048 })],
  ];
  for (const [what, rule, change] of cases) {
    it.each(['before', 'after'])(`${what}, enabled %s DRIVER_OK`, (when) => {
      const { driver, faults, machine } = newDriver();
      if (when === 'after') driver.driverOk();
      driver.setUpQueue(transmit, { enable: false });
      change(driver);
      driver.set('queueEnable', 1);
      if (when === 'before') driver.driverOk();
      expect(driver.hasStatus(status.needsReset)).toBe(true);
      expect(faults).toMatchObject([{ needsReset: true, fault: { rule, queue: transmit } }]);
      expect(machine.asserted).toBe(true);
    });
  }
});
