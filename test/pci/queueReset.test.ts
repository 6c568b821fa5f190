import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';
import { noVector } from '../support/pciDriver.js';
import { noProperties } from '../support/noProperties.js';

const [receive, transmit, control] = [0, 1, 2];

function newCard(features?: bigint) {
  const options = features === undefined ? {} : { features };
  const parts = runningCard({ queuePairs: 1, queueSize: 16 }, options);
  /** Enables the queue again, in another size. */
  const enable = (queue: number, size: number): void => {
    parts.driver.pci.setUpQueue(queue, { size, vector: queue + 1 });
  };
  return { ...parts, enable };
}

const layouts: [string, bigint][] = [
  ['split', feature.version1 | feature.ringReset],
  ['split in order', feature.version1 | feature.ringReset | feature.inOrder],
  ['packed', feature.version1 | feature.ringReset | feature.packed],
  ['packed in order', feature.version1 | feature.ringReset | feature.packed | feature.inOrder],
];

describe.each(layouts)('a %s queue that is reset (2.6.1)', (_, features) => {
  it('is as it was before it was enabled (4.1.4.3.1)', () => {
    const { driver } = newCard(features);
    driver.pci.resetQueue(transmit);
    const fields = ['queueReset', 'queueEnable', 'queueSize', 'queueMsixVector', 'queueDesc', 'queueDevice'] as const;
    expect(fields.map((field) => driver.pci.getQueue(transmit, field))).toEqual([0, 0, 16, noVector, 0, 0]);
  });

  it('is not worked any more, and not interrupted for, while the others are', () => {
    const { driver, wire, machine, faults } = newCard(features);
    driver.giveBuffers(0, [200]);
    driver.pci.resetQueue(transmit);
    const before = machine.memory.bytes.slice();
    driver.queuePacket(0, plainFrame(60));
    const after = machine.memory.bytes.slice();
    driver.pci.notify(transmit);
    expect(wire.sent).toEqual([]);
    expect(Buffer.compare(machine.memory.bytes, after)).toBe(0);
    expect(Buffer.compare(before, after)).not.toBe(0);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['notify-unknown-queue']);
    expect(driver.msix!.fired()).toEqual([]);
    wire.deliver(plainFrame(80));
    expect(driver.frames(0)).toEqual([plainFrame(80)]);
  });

  it('can be enabled again in another size, many times', () => {
    const { driver, wire, enable, faults } = newCard(features);
    for (const size of [4, 16, 1, 8, 2, 16]) {
      driver.pci.resetQueue(transmit);
      enable(transmit, size);
      expect(driver.pci.getQueue(transmit, 'queueSize')).toBe(size);
      for (let i = 0; i < 2 * size + 1; i++) {
        driver.queuePacket(0, plainFrame(60, i), []);
        driver.pci.notify(transmit);
        expect(driver.completed(0)).toBe(1);
      }
      expect(wire.sent.splice(0).length).toBe(2 * size + 1);
    }
    expect(faults).toEqual([]);
  });

  it('that transmits shows what was sent, and loses what waited, and counts it', () => {
    const { driver, wire, card, enable } = newCard(features);
    wire.answer = (bytes) => (bytes.length === 61 ? Sent.full : Sent.taken);
    driver.send(0, plainFrame(60), plainFrame(61));
    driver.pci.resetQueue(transmit);
    wire.giveRoom();
    expect(wire.sent.length).toBe(1);
    expect(card.counters[0].dropped).toEqual({ reset: 1 });
    enable(transmit, 8);
    driver.send(0, plainFrame(62));
    expect(wire.sent.map(({ bytes }) => bytes.length)).toEqual([60, 62]);
  });

  it('that receives keeps frames waiting, and has them once it is enabled again', () => {
    const { driver, wire, card, enable, machine } = newCard(features);
    driver.giveBuffers(0, [200]);
    driver.pci.resetQueue(receive);
    const rooms = wire.rooms;
    machine.watch(() => expect(wire.pass(plainFrame(60))).toBe(Sent.full));
    enable(receive, 8);
    expect(wire.rooms).toBeGreaterThan(rooms);
    driver.giveBuffers(0, [200]);
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
    expect(card.counters[0]).toMatchObject({ rxFrames: 1, dropped: noProperties });
  });

  it('stays reset over a save and restore, and can be enabled after it', () => {
    const { driver, wire, pci, enable } = newCard(features);
    driver.pci.resetQueue(receive);
    driver.pci.resetQueue(transmit);
    pci.restore(JSON.parse(JSON.stringify(pci.save())));
    expect(wire.pass(plainFrame(60))).toBe(Sent.full);
    enable(receive, 4);
    enable(transmit, 4);
    driver.giveBuffers(0, [200]);
    driver.send(0, plainFrame(70));
    expect([driver.frames(0).length, wire.sent.length]).toEqual([1, 1]);
  });
});

describe('the register that resets a queue', () => {
  it('may be used for pairs that are not in use', () => {
    const { driver, faults } = runningCard({ queuePairs: 2, queueSize: 16 });
    for (const queue of [2, 3]) {
      driver.pci.resetQueue(queue);
      driver.pci.setUpQueue(queue, { size: 8 });
    }
    expect(faults).toEqual([]);
  });

  it('resets the control queue too', () => {
    const { driver, enable } = newCard();
    driver.pci.resetQueue(control);
    enable(control, 4);
    expect(driver.setPairs(1)).toBe(0);
  });

  it('does nothing where that was not negotiated, or with another value than 1', () => {
    const { driver, wire } = newCard(feature.version1);
    driver.pci.setQueue(transmit, 'queueReset', 1);
    expect(driver.pci.get('queueEnable')).toBe(1);
    driver.send(0, plainFrame(60));
    expect(wire.sent.length).toBe(1);
    const { driver: other } = newCard();
    for (const value of [0, 2, 0xffff]) {
      other.pci.setQueue(transmit, 'queueReset', value);
      expect(other.pci.get('queueEnable')).toBe(1);
    }
  });

  it('does nothing for a queue that there is not', () => {
    const { driver, faults } = newCard();
    driver.pci.setQueue(100, 'queueReset', 1);
    expect(faults).toEqual([]);
  });

  it('works cut into bytes', () => {
    const { driver, machine, wire, enable } = newCard();
    machine.splitting = 'bytes';
    driver.pci.resetQueue(transmit);
    enable(transmit, 8);
    driver.send(0, plainFrame(60));
    expect(wire.sent.length).toBe(1);
  });

  it('resets a queue of a device that needs a reset itself', () => {
    const { driver } = newCard();
    driver.queueBytes(transmit, new Uint8Array(3));
    driver.pci.notify(transmit);
    driver.pci.resetQueue(transmit);
    driver.pci.resetQueue(receive);
    expect(driver.pci.getQueue(transmit, 'queueEnable')).toBe(0);
  });
});
