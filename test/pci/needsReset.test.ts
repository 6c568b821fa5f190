import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { NetDriver, runningCard } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const frame = plainFrame(60);

/** A card of two pairs whose driver has put something impossible on the second transmit queue. */
function brokenCard() {
  const parts = runningCard({ queuePairs: 2 });
  const { driver } = parts;
  driver.setPairs(2);
  driver.giveBuffers(0, [200], [200]);
  driver.pci.queues[3].add([{ address: 0x7fffffff, length: 100, writable: false }]);
  driver.pci.kick(3);
  parts.machine.takeMessages();
  return parts;
}

describe('a device whose driver broke a rule', () => {
  it('says DEVICE_NEEDS_RESET, and tells which rule on which queue, once', () => {
    const { driver, faults } = brokenCard();
    expect(driver.pci.hasStatus(status.needsReset | status.driverOk)).toBe(true);
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'descriptor-address', queue: 3 } }]);
    expect(faults[0].fault.message).toContain('virtio 2.7.5');
  });

  it('neither sends nor receives on any queue', () => {
    const { driver, wire, card, machine } = brokenCard();
    expect(wire.deliver(frame)).toEqual([Sent.dropped]);
    driver.send(0, frame);
    expect(driver.command(4, 0, [1, 0])).toBeUndefined();
    expect(wire.sent).toEqual([]);
    expect(driver.frames(0)).toEqual([]);
    expect(card.counters[0].dropped).toEqual({ fault: 1 });
    expect(machine.messages).toEqual([]);
  });

  it('reports notifications as relied on in vain (2.1.1)', () => {
    const { driver, faults } = brokenCard();
    driver.pci.notify(1);
    expect(faults.at(-1)).toMatchObject({ needsReset: false, fault: { rule: 'notify-needs-reset', queue: 1 } });
  });

  it('keeps that status until it is reset', () => {
    const { driver } = brokenCard();
    driver.pci.set('deviceStatus', 15);
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    driver.pci.reset();
    expect(driver.pci.get('deviceStatus')).toBe(0);
  });

  it('works again after a reset', () => {
    const { machine, wire, card } = brokenCard();
    const driver = new NetDriver(machine);
    driver.giveBuffers(0, [200]);
    wire.deliver(frame);
    expect(driver.frames(0)).toEqual([frame]);
    driver.send(0, frame);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
    expect(card.lanes).toBe(1);
  });

  it('does nothing with what it held when its deadline comes', () => {
    const { driver, wire, machine, clock } = runningCard({ queuePairs: 1 });
    wire.answer = Sent.full;
    driver.send(0, frame);
    driver.queueBytes(1, new Uint8Array(3));
    driver.pci.notify(1);
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    const before = machine.memory.bytes.slice();
    wire.answer = Sent.taken;
    clock.advance(10000);
    wire.giveRoom();
    expect(Buffer.compare(machine.memory.bytes, before)).toBe(0);
    expect(wire.sent).toEqual([]);
  });

  it('stops the other queues too when it was a queue that was set up wrong', () => {
    const { driver, wire } = runningCard({ queuePairs: 2 }, { pairs: 1 });
    driver.pci.setUpQueue(3, { enable: false });
    driver.pci.set('queueSize', 0);
    driver.pci.set('queueEnable', 1);
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    driver.queuePacket(0, frame);
    driver.pci.notify(1);
    wire.giveRoom();
    expect(wire.sent).toEqual([]);
  });
});
