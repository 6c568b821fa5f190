import { describe, expect, it } from 'vitest';
import type { Splitting } from '../support/machine.js';
import { feature, newCard } from '../support/netDriver.js';
import { noVector, PciDriver, status } from '../support/pciDriver.js';

function newDriver(options: Parameters<typeof newCard>[0] = {}, splitting: Splitting = 'whole') {
  const parts = newCard(options);
  const driver = new PciDriver(parts.machine);
  parts.machine.splitting = splitting;
  return { ...parts, driver };
}

describe('the common configuration (4.1.4.3)', () => {
  it('has two queues for each pair and one for control', () => {
    for (const queuePairs of [1, 2, 4, 8, 256]) {
      expect(newDriver({ queuePairs }).driver.get('numQueues')).toBe(2 * queuePairs + 1);
    }
  });

  it('shows the offered features in words of 32, and zero beyond', () => {
    const { driver, card } = newDriver();
    const word = (select: number): bigint => {
      driver.set('deviceFeatureSelect', select);
      return BigInt(driver.get('deviceFeature'));
    };
    expect(word(0) | (word(1) << 32n) | (word(2) << 64n)).toBe(card.offeredFeatures);
    for (const select of [3, 4, 0x7fffffff, 0xffffffff]) expect(word(select)).toBe(0n);
  });

  it('shows the features that the driver accepted', () => {
    const { driver } = newDriver();
    driver.accept((1n << 32n) | (1n << 5n));
    driver.set('driverFeatureSelect', 0);
    expect(driver.get('driverFeature')).toBe(1 << 5);
    driver.set('driverFeatureSelect', 1);
    expect(driver.get('driverFeature')).toBe(1);
    driver.set('driverFeatureSelect', 1000);
    expect(driver.get('driverFeature')).toBe(0);
  });

  it('ignores writes to what the driver may only read', () => {
    const { driver } = newDriver();
    for (const field of ['deviceFeature', 'numQueues', 'configGeneration', 'queueNotifyOff'] as const) {
      const before = driver.get(field);
      driver.set(field, 0xffffffff);
      expect(driver.get(field)).toBe(before);
    }
  });

  it('has all events unmapped, all queues disabled and of the largest size at first, and after a reset', () => {
    const { driver } = newDriver({ queueSize: 32 });
    const look = () =>
      Array.from({ length: 9 }, (_, queue) => {
        driver.set('queueSelect', queue);
        return (['queueSize', 'queueEnable', 'queueMsixVector', 'queueDesc', 'queueDriverHigh'] as const).map((field) =>
          driver.get(field),
        );
      });
    const untouched = new Array(9).fill([32, 0, noVector, 0, 0]);
    expect(look()).toEqual(untouched);
    for (let queue = 0; queue < 9; queue++) driver.setUpQueue(queue, { size: 8, vector: queue });
    driver.set('configMsixVector', 0);
    expect(look()[3].slice(0, 3)).toEqual([8, 1, 3]);
    driver.reset();
    expect(look()).toEqual(untouched);
    expect(driver.get('configMsixVector')).toBe(noVector);
    expect(driver.get('queueSelect')).toBe(8);
  });
});

describe('a queue that does not exist', () => {
  it('has size 0, and takes nothing', () => {
    const { driver, faults } = newDriver();
    for (const queue of [9, 10, 0x8000, 0xffff]) {
      driver.set('queueSelect', queue);
      driver.set('queueSize', 8);
      driver.set('queueDesc', 0x1000);
      driver.set('queueMsixVector', 1);
      driver.set('queueEnable', 1);
      expect(driver.get('queueSize')).toBe(0);
      expect(driver.get('queueEnable')).toBe(0);
      expect(driver.get('queueDesc')).toBe(0);
      expect(driver.get('queueMsixVector')).toBe(noVector);
    }
    expect(faults).toEqual([]);
  });
});

describe('a queue that the features give no use of (4.1.4.3.1, 5.1.2)', () => {
  const { version1, controlQueue: control, multiqueue, rss } = feature;
  it.each([
    ['neither multiqueue nor a control queue', version1, 2],
    ['a control queue', version1 | control, 3],
    ['multiqueue', version1 | control | multiqueue, 9],
    ['RSS', version1 | control | rss, 9],
  ])('is unavailable once the driver accepted %s', (_, features, count) => {
    const { driver } = newDriver({ queueSize: 32 });
    const sizes = () => Array.from({ length: 10 }, (__, queue) => driver.getQueue(queue, 'queueSize'));
    expect(sizes()).toEqual([...new Array<number>(9).fill(32), 0]);
    driver.negotiate(features);
    expect(sizes()).toEqual([...new Array<number>(count).fill(32), ...new Array<number>(10 - count).fill(0)]);
    driver.set('queueSelect', count);
    driver.set('queueEnable', 1);
    expect(driver.get('queueEnable')).toBe(0);
    driver.reset();
    expect(sizes()[8]).toBe(32);
  });
});

describe.each<Splitting>(['whole', 'bytes'])('fields written %s', (splitting) => {
  it('keep their values, each queue its own', () => {
    const { driver } = newDriver({}, splitting);
    for (let queue = 0; queue < 9; queue++) {
      driver.set('queueSelect', queue);
      driver.set('queueSize', 2 << (queue % 3));
      driver.setAddresses({
        queueDesc: 0x1_2345_6000 + queue,
        queueDriver: 0x200 * queue,
        queueDevice: 2 ** 40 + queue,
      });
      driver.set('queueMsixVector', queue + 1);
    }
    for (let queue = 0; queue < 9; queue++) {
      driver.set('queueSelect', queue);
      const fields = [
        'queueSize',
        'queueDesc',
        'queueDescHigh',
        'queueDriver',
        'queueDevice',
        'queueDeviceHigh',
      ] as const;
      expect(fields.map((field) => driver.get(field))).toEqual([
        2 << (queue % 3),
        0x23456000 + queue,
        1,
        0x200 * queue,
        queue,
        256,
      ]);
      expect(driver.get('queueMsixVector')).toBe(queue + 1);
    }
  });

  it('select and enable a queue once, and report nothing', () => {
    const { driver, faults, card } = newDriver({ queuePairs: 256, memory: 0x100000 }, splitting);
    driver.negotiate(driver.offered());
    for (const queue of [0, 1, 255, 256, 257, 512]) driver.setUpQueue(queue);
    driver.driverOk();
    expect([0, 1, 2, 255, 256, 511, 512].map((queue) => driver.getQueue(queue, 'queueEnable'))).toEqual([
      1, 1, 0, 1, 1, 0, 1,
    ]);
    expect(driver.hasStatus(status.driverOk)).toBe(true);
    expect(faults).toEqual([]);
    expect(card.maxQueuePairs).toBe(256);
  });
});

describe('a vector', () => {
  it('that the table does not have reads back as none (4.1.5.1.2.1)', () => {
    const { driver } = newDriver({ queuePairs: 1 });
    for (const vector of [4, 5, 0x7ff, 0x800, 0xfffe]) {
      driver.set('configMsixVector', vector);
      driver.setQueue(0, 'queueMsixVector', vector);
      expect([driver.get('configMsixVector'), driver.get('queueMsixVector')]).toEqual([noVector, noVector]);
    }
    for (const vector of [0, 3]) {
      driver.set('configMsixVector', vector);
      driver.setQueue(0, 'queueMsixVector', vector);
      expect([driver.get('configMsixVector'), driver.get('queueMsixVector')]).toEqual([vector, vector]);
    }
  });

  it('can be taken back', () => {
    const { driver } = newDriver();
    driver.set('configMsixVector', 1);
    driver.set('configMsixVector', noVector);
    expect(driver.get('configMsixVector')).toBe(noVector);
  });
});
