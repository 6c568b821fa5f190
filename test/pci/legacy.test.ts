import { describe, expect, it } from 'vitest';
import type { VirtioDevice } from '../../src/virtio/device.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { plainFrame } from '../support/frames.js';
import { anyLayout, LegacyDriver, notifyOnEmpty } from '../support/legacyDriver.js';
import { feature, NetDriver, newCard, runningCard } from '../support/netDriver.js';
import { noVector, PciDriver, status, structure } from '../support/pciDriver.js';

const { acknowledge, driver: driverBit, driverOk, featuresOk, needsReset } = status;

function newDriver(options: Parameters<typeof newCard>[0] = {}) {
  const parts = newCard({ queuePairs: 2, transitional: true, ...options });
  const negotiated: { offered: readonly string[]; accepted: readonly string[]; refusal: string | undefined }[] = [];
  parts.pci.onNegotiated.on((event) => negotiated.push(event));
  return { ...parts, negotiated, driver: new LegacyDriver(parts.machine) };
}

const runningLegacyCard = (options: Parameters<typeof newCard>[0] = {}, features?: bigint, intx = false) => {
  const parts = runningCard({ queuePairs: 2, transitional: true, ...options }, { legacy: true, features, intx });
  const { pci } = parts.driver;
  if (!(pci instanceof LegacyDriver)) throw new Error('the driver is no legacy one');
  return { ...parts, pciDriver: pci };
};

describe('a transitional card to PCI (4.1.2.3, 4.1.5.1.1.1)', () => {
  const { machine, driver } = newDriver();
  const registers: [name: string, offset: number, width: 1 | 2, value: number][] = [
    ['vendor id', 0x00, 2, 0x1af4],
    ['device id: 0x1000 for a network card', 0x02, 2, 0x1000],
    ['revision 0', 0x08, 1, 0],
    ['subsystem id: the virtio device id', 0x2e, 2, 1],
  ];
  for (const [name, offset, width, value] of registers) {
    it(`has ${name}`, () => expect(machine.readConfig(offset, width)).toBe(value));
  }

  it('has I/O ports behind BAR 0 and its modern structures behind BAR 1', () => {
    expect([driver.isIo(0), driver.isIo(1)]).toEqual([true, false]);
    expect(driver.barSize(0)).toBe(64);
    expect(driver.barSize(1)).toBe(0x20000);
    for (const type of [structure.common, structure.notify, structure.isr, structure.device]) {
      expect(driver.structures.get(type)?.bar).toBe(1);
    }
    expect(machine.readConfig(driver.msixCapability! + 4, 4) & 7).toBe(1);
    expect(machine.readConfig(driver.msixCapability! + 8, 4) & 7).toBe(1);
  });

  it('exists only of kinds that are older than virtio 1.0', () => {
    const younger: VirtioDevice = {
      deviceId: 16,
      transitional: true,
      offeredFeatures: 0n,
      featureTable: [],
      queueSizes: [16],
      queueCount: () => 1,
      queueName: () => 'control',
      configLength: 16,
      readConfig: () => 0,
      writeConfig: () => undefined,
      activate: () => undefined,
      notify: () => undefined,
      resetQueue: () => undefined,
      reset: () => undefined,
      save: () => undefined,
      restore: () => undefined,
      onFault: () => undefined,
      onConfigChange: () => undefined,
    };
    expect(() => new VirtioPciFunction(younger)).toThrow(
      new RangeError('no transitional device has the virtio device id 16'),
    );
  });
});

describe('the legacy registers (4.1.4.10)', () => {
  it('offer bits 0 to 31, and ANY_LAYOUT only here (6.3)', () => {
    const { driver, machine, card } = newDriver();
    expect(driver.offered()).toBe(card.offeredFeatures & 0xffffffffn);
    expect(driver.offered() & anyLayout).not.toBe(0n);
    const modern = new PciDriver(machine).offered();
    expect(modern & anyLayout).toBe(0n);
    expect(modern & feature.version1).not.toBe(0n);
  });

  it('show what the driver accepted', () => {
    const { driver } = newDriver();
    driver.accept(feature.mac | feature.status);
    expect(driver.get('driverFeature')).toBe(Number(feature.mac | feature.status));
  });

  it('show the size of each queue, which nobody can change, and none for a queue that there is not', () => {
    const { driver } = newDriver({ queueSize: 64 });
    for (const queue of [0, 1, 4]) {
      driver.setQueue(queue, 'queueSize', 8);
      expect(driver.getQueue(queue, 'queueSize')).toBe(64);
    }
    expect(driver.getQueue(5, 'queueSize')).toBe(0);
    expect(driver.getQueue(0xffff, 'queueSize')).toBe(0);
  });

  it('show the page of a ring until the ring is taken away', () => {
    const { driver } = newDriver();
    expect(driver.getQueue(1, 'queueSelect')).toBe(1);
    expect(driver.get('queueAddress')).toBe(0);
    driver.set('queueAddress', 0xfedcba98);
    expect(driver.get('queueAddress')).toBe(0xfedcba98);
    driver.set('queueSelect', 0);
    expect(driver.get('queueAddress')).toBe(0);
    driver.set('queueSelect', 1);
    driver.set('queueAddress', 0);
    expect(driver.get('queueAddress')).toBe(0);
  });

  it('forget all of it at a reset', () => {
    const { driver } = newDriver();
    driver.negotiate(feature.mac);
    driver.setUpQueue(3);
    driver.reset();
    expect(driver.get('queueSelect')).toBe(0);
    expect(driver.get('driverFeature')).toBe(0);
    driver.set('queueSelect', 3);
    expect(driver.get('queueAddress')).toBe(0);
  });

  it('make room for two vectors while MSI-X is on, and only then', () => {
    const { driver, machine, card } = newDriver();
    const mac = [...card.mac.split(':')].map((byte) => parseInt(byte, 16));
    const bytes = (from: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => machine.read(driver.port(from + i), 1));
    expect(bytes(20, 6)).toEqual(mac);
    machine.writeConfig(driver.msixCapability! + 2, 2, 0x8000);
    expect(bytes(20, 10)).toEqual([0xff, 0xff, 0xff, 0xff, ...mac]);
    driver.set('configMsixVector', 1);
    driver.setQueue(2, 'queueMsixVector', 2);
    expect(bytes(20, 4)).toEqual([1, 0, 2, 0]);
    machine.writeConfig(driver.msixCapability! + 2, 2, 0);
    expect(bytes(20, 6)).toEqual(mac);
  });

  it('answer "no vector" to a vector that the table does not have (4.1.5.1.2.1)', () => {
    const { driver, machine } = newDriver();
    machine.writeConfig(driver.msixCapability! + 2, 2, 0x8000);
    driver.set('configMsixVector', 2048);
    driver.setQueue(0, 'queueMsixVector', 5);
    expect(driver.get('configMsixVector')).toBe(noVector);
    expect(driver.get('queueMsixVector')).toBe(5);
    driver.setQueue(4000, 'queueMsixVector', 1);
    expect(driver.get('queueMsixVector')).toBe(noVector);
  });

  it('show the device configuration the same in any width, across its edge too', () => {
    const { driver, machine } = newDriver();
    const width = [1, 2, 4] as const;
    const byte = (offset: number): number => machine.read(driver.port(offset), 1);
    for (const bytes of width) {
      for (let offset = 16; offset < 60; offset++) {
        let expected = 0;
        for (let i = 0; i < bytes; i++) expected += byte(offset + i) * 2 ** (8 * i);
        expect(machine.read(driver.port(offset), bytes), `${bytes} bytes at ${offset}`).toBe(expected);
      }
    }
  });
});

describe('a legacy driver brings a transitional card up (3.1.2)', () => {
  it('without FEATURES_OK, which its status has not', () => {
    const { driver, negotiated, faults } = newDriver();
    driver.negotiate(feature.mac | feature.mergeable);
    driver.addStatus(featuresOk | driverOk);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit | driverOk);
    expect(negotiated).toMatchObject([
      { accepted: ['VIRTIO_NET_F_MAC', 'VIRTIO_NET_F_MRG_RXBUF'], refusal: undefined },
    ]);
    expect(negotiated[0].offered).toContain('VIRTIO_F_ANY_LAYOUT');
    expect(negotiated[0].offered).not.toContain('VIRTIO_F_VERSION_1');
    expect(faults).toEqual([]);
  });

  it.each(['whole', 'bytes'] as const)('and both move frames, with accesses that arrive %s', (splitting) => {
    const { machine, wire, pci, ...parts } = newCard({ queuePairs: 2, transitional: true });
    machine.splitting = splitting;
    const driver = new NetDriver(machine, { legacy: true });
    expect(driver.maxPairs).toBe(2);
    driver.giveBuffers(0, [200], [200]);
    wire.deliver(plainFrame(60));
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
    expect(driver.setPairs(2)).toBe(0);
    driver.send(1, plainFrame(80));
    expect(wire.sent.map(({ bytes, lane }) => ({ bytes, lane }))).toEqual([{ bytes: plainFrame(80), lane: 1 }]);
    expect(driver.completed(1)).toBe(1);
    expect(pci.negotiation.usesLegacy).toBe(true);
    expect(parts.faults).toEqual([]);
  });

  it.each([4, 16, 256])('with rings of %i entries where 2.7.2 says', (queueSize) => {
    const { driver, wire, faults } = runningLegacyCard({ queueSize, queuePairs: 1, memory: 0x80000 });
    driver.giveBuffers(0, [200]);
    wire.deliver(plainFrame(60));
    driver.send(0, plainFrame(61));
    expect([driver.frames(0).length, wire.sent.length, faults.length]).toEqual([1, 1, 0]);
  });

  it('and is told what of its features it does not get, and by which rule', () => {
    const { driver, negotiated, faults, pci } = newDriver();
    driver.negotiate(feature.mac | feature.multiqueue | feature.controlMac | (1n << 25n));
    driver.driverOk();
    expect(driver.get('driverFeature')).toBe(Number(feature.mac));
    expect(pci.negotiation.features).toBe(feature.mac);
    expect(negotiated).toMatchObject([{ accepted: ['VIRTIO_NET_F_MAC'], refusal: 'bit 25 was not offered' }]);
    expect(faults.map(({ fault, needsReset }) => [fault.rule, needsReset])).toEqual([
      ['feature-not-offered', false],
      ['feature-dependency', false],
      ['feature-dependency', false],
    ]);
  });

  it('and accepts nothing more once it uses the card', () => {
    const { driver, faults } = newDriver();
    driver.negotiate(feature.mac);
    driver.driverOk();
    driver.accept(feature.mac | feature.status);
    expect(driver.get('driverFeature')).toBe(Number(feature.mac));
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['features-after-ok']);
  });

  it('and loses no status bit but by a reset', () => {
    const { driver, faults } = newDriver();
    driver.negotiate(0n);
    driver.set('deviceStatus', acknowledge);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['status-cleared']);
  });

  it('and may use it before DRIVER_OK', () => {
    const { driver, negotiated, pci, faults } = newDriver();
    const active: boolean[] = [];
    pci.onActive.on((now) => active.push(now));
    driver.negotiate(feature.controlQueue | feature.multiqueue);
    const ring = driver.setUpQueue(4);
    const { memory } = driver.machine;
    const [command, answer] = [memory.allocate(4), memory.allocate(1)];
    memory.bytes.set([4, 0, 2, 0], command);
    memory.bytes[answer] = 0xcc;
    const range = { address: command, length: 4, writable: false };
    ring.add([range, { address: answer, length: 1, writable: true }]);
    driver.notify(4);
    expect(memory.bytes[answer]).toBe(0);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit);
    driver.driverOk();
    expect([active, negotiated.length, faults.length]).toEqual([[true], 1, 0]);
  });

  it('and what it makes available before it tells its features waits for them', () => {
    const { driver, machine, wire, faults } = newDriver();
    driver.reset();
    driver.addStatus(acknowledge | driverBit);
    const ring = driver.setUpQueue(0);
    const buffer = machine.memory.allocate(200);
    ring.add([{ address: buffer, length: 200, writable: true }]);
    driver.notify(0);
    driver.accept(feature.mac | feature.mergeable);
    driver.driverOk();
    wire.deliver(plainFrame(60));
    expect(ring.collect()).toEqual([{ id: 0, length: 12 + 60 }]);
    expect(faults).toEqual([]);
  });
});

describe('the rings of a legacy driver', () => {
  it.each([0xffffffff, 0x40, 0x3f])('are no worse for being at page 0x%s, but the card needs a reset', (page) => {
    const { driver, faults, machine } = newDriver({ memory: 0x40000 });
    driver.negotiate(feature.mac);
    driver.setPage(0, page);
    driver.driverOk();
    expect(driver.hasStatus(needsReset)).toBe(true);
    expect(faults.map(({ fault, needsReset }) => [fault.rule, fault.queue, needsReset])).toEqual([
      ['ring-address', 0, true],
    ]);
    new NetDriver(machine, { legacy: true });
    expect(driver.hasStatus(needsReset)).toBe(false);
  });

  it('stay where they are while the card is in use', () => {
    const { pciDriver, driver, wire, faults } = runningLegacyCard();
    pciDriver.setPage(1, 1);
    expect(faults.map(({ fault }) => [fault.rule, fault.queue])).toEqual([['queue-reconfigured', 1]]);
    driver.send(0, plainFrame(60));
    expect(wire.sent.length).toBe(1);
  });

  it('may come when the card is in use already', () => {
    const { driver, wire } = newDriver();
    driver.negotiate(feature.mac | feature.mergeable);
    driver.driverOk();
    const ring = driver.setUpQueue(0);
    ring.add([{ address: driver.machine.memory.allocate(200), length: 200, writable: true }]);
    driver.notify(0);
    wire.deliver(plainFrame(60));
    expect(ring.collect().length).toBe(1);
  });

  it('are left alone from the moment one of them is taken away', () => {
    const { pciDriver, driver, wire, machine } = runningLegacyCard();
    driver.giveBuffers(0, [200]);
    pciDriver.setPage(0, 0);
    const before = machine.memory.slice(0, machine.memory.size).slice();
    wire.deliver(plainFrame(60));
    expect(machine.memory.slice(0, machine.memory.size)).toEqual(before);
    expect(pciDriver.get('deviceStatus')).toBe(0);
  });

  it('that do not exist can be notified without harm', () => {
    const { pciDriver, faults } = runningLegacyCard();
    for (const queue of [5, 100, 0xffff]) pciDriver.notify(queue);
    expect(faults.map(({ fault, needsReset }) => [fault.rule, needsReset])).toEqual([
      ['notify-unknown-queue', false],
      ['notify-unknown-queue', false],
      ['notify-unknown-queue', false],
    ]);
  });
});

describe('interrupts of a card with a legacy driver', () => {
  it('have the vectors that it wrote', () => {
    const { driver, wire, card } = runningLegacyCard();
    driver.giveBuffers(0, [200]);
    driver.msix!.fired();
    wire.deliver(plainFrame(60));
    expect(driver.msix!.fired()).toEqual([1]);
    card.setLink(false);
    expect(driver.msix!.fired()).toEqual([0]);
  });

  it.each([
    ['flags', 0n],
    ['event indices', feature.eventIndex],
  ])('come with NOTIFY_ON_EMPTY when no buffer is left, though %s ask for none (6.3)', (_, eventIndex) => {
    const features = feature.mac | feature.mergeable | eventIndex;
    for (const [accepted, fired] of [
      [features, []],
      [features | notifyOnEmpty, [1]],
    ] as const) {
      const { driver, wire } = runningLegacyCard({}, accepted);
      const ring = driver.pci.queues[0];
      if (eventIndex) ring.setUsedEvent(100);
      else ring.setFlags(1);
      driver.giveBuffers(0, [200], [200]);
      driver.msix!.fired();
      wire.deliver(plainFrame(60));
      expect(driver.msix!.fired()).toEqual([]);
      wire.deliver(plainFrame(60));
      expect(driver.msix!.fired()).toEqual(fired);
    }
  });

  it('are on its line without MSI-X, until it reads the ISR status', () => {
    const { driver, wire, machine, pciDriver } = runningLegacyCard({}, undefined, true);
    driver.giveBuffers(0, [200]);
    wire.deliver(plainFrame(60));
    expect(machine.asserted).toBe(true);
    expect(pciDriver.readIsr()).toBe(1);
    expect(machine.asserted).toBe(false);
    expect(pciDriver.readIsr()).toBe(0);
  });
});

describe('the address of a card with a legacy driver (5.1.4.3)', () => {
  const newMac = [0x52, 0x54, 0, 0xaa, 0xbb, 0xcc];

  it('can be written, before the features are known too', () => {
    for (const parts of [newDriver(), { ...runningLegacyCard({}, feature.mac | feature.mergeable) }]) {
      const driver = 'pciDriver' in parts ? parts.pciDriver : parts.driver;
      newMac.forEach((byte, i) => driver.writeDevice(i, 1, byte));
      expect(parts.card.mac).toBe('52:54:00:aa:bb:cc');
      expect(driver.readDevice(2, 4)).toBe(0xccbbaa00);
    }
  });

  it('can be written in any width, and nothing behind it', () => {
    const { driver, card } = newDriver();
    const before = driver.readDevice(6, 4);
    driver.writeDevice(0, 4, 0x00005452);
    driver.writeDevice(4, 4, 0xffffddcc);
    driver.writeDevice(6, 4, 0xffffffff);
    expect(card.mac).toBe('52:54:00:00:cc:dd');
    expect(driver.readDevice(6, 4)).toBe(before);
  });

  it('can not be written by a driver that has a command for that, nor through the modern interface', () => {
    const { pciDriver, card } = runningLegacyCard();
    pciDriver.writeDevice(0, 4, 0);
    expect(card.mac).toBe('52:54:00:12:34:56');
    const modern = runningCard({ transitional: true }, { features: feature.version1 });
    modern.machine.write(modern.driver.pci.at(structure.device, 0), 4, 0);
    expect(modern.card.mac).toBe('52:54:00:12:34:56');
  });

  it('is the permanent one again after a reset', () => {
    const { driver, card } = newDriver();
    newMac.forEach((byte, i) => driver.writeDevice(i, 1, byte));
    driver.reset();
    expect(card.mac).toBe('52:54:00:12:34:56');
  });
});

describe('legacy and modern drivers of one card', () => {
  it('take turns', () => {
    const { machine, wire, pci, faults } = newCard({ queuePairs: 2, transitional: true, memory: 0x80000 });
    for (const legacy of [true, false, true, false]) {
      const driver = new NetDriver(machine, { legacy });
      expect(pci.negotiation.usesLegacy).toBe(legacy);
      expect((pci.negotiation.features & feature.version1) === 0n).toBe(legacy);
      wire.sent = [];
      driver.giveBuffers(0, [200]);
      wire.deliver(plainFrame(60));
      driver.send(0, plainFrame(80));
      expect([driver.frames(0).length, wire.sent.length]).toEqual([1, 1]);
      driver.pci.reset();
    }
    expect(faults).toEqual([]);
  });

  it('share one status, and a reset of either is one of both', () => {
    const { machine, driver } = newDriver();
    const modern = new PciDriver(machine);
    expect(modern.negotiate(feature.version1 | feature.mac)).toBe(true);
    expect(driver.get('deviceStatus')).toBe(acknowledge | driverBit | featuresOk);
    driver.reset();
    expect(modern.get('deviceStatus')).toBe(0);
  });

  it('are not confused by what the other one had begun', () => {
    const { machine, driver, pci } = newDriver();
    const modern = new PciDriver(machine);
    modern.accept(feature.version1 | (1n << 33n));
    driver.accept(feature.mac);
    driver.driverOk();
    expect(pci.negotiation.features).toBe(feature.mac);
    modern.accept(feature.version1);
    modern.addStatus(featuresOk);
    expect(modern.hasStatus(featuresOk)).toBe(false);
    expect(pci.negotiation.features).toBe(feature.mac);
  });

  it('the modern one needs VERSION_1 all the same (6.2)', () => {
    const { machine, faults } = newDriver();
    expect(new PciDriver(machine).negotiate(feature.mac)).toBe(false);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['feature-dependency']);
  });
});
