import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { NetDriver, newCard, runningCard } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const frame = plainFrame(60);

describe('a card that is told to fail', () => {
  it('needs a reset, says so by a configuration interrupt, and works no more', () => {
    const { card, driver, faults, wire } = runningCard();
    driver.giveBuffers(0, [200]);
    card.fail('a test');
    expect(driver.pci.hasStatus(status.needsReset | status.driverOk)).toBe(true);
    expect(driver.msix!.fired()).toEqual([0]);
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'device-failure' } }]);
    expect(faults[0].fault.message).toContain('told to fail (virtio 2.1.2): a test');
    expect(wire.deliver(frame)).toEqual([Sent.dropped]);
    driver.send(0, frame);
    expect(wire.sent).toEqual([]);
  });

  it('works again after a reset', () => {
    const { card, machine, wire } = runningCard();
    card.fail('a test');
    const driver = new NetDriver(machine);
    driver.giveBuffers(0, [200]);
    wire.deliver(frame);
    expect(driver.frames(0)).toEqual([frame]);
  });

  it('lets those go on who wait for its room', () => {
    const { card, wire } = runningCard();
    expect(wire.deliver(frame)).toEqual([Sent.full]);
    const before = wire.rooms;
    card.fail('a test');
    expect(wire.rooms).toBeGreaterThan(before);
    expect(card.counters[0].dropped).toEqual({ fault: 1 });
  });
});

describe('a transmit queue that stalls', () => {
  it('keeps its packets until it is released, while the other pairs go on', () => {
    const { card, driver, wire } = runningCard({ queuePairs: 2 });
    driver.setPairs(2);
    const release = card.stall(0);
    driver.send(0, frame);
    driver.send(1, frame);
    expect(wire.sent.map(({ lane }) => lane)).toEqual([1]);
    wire.tellRoom();
    expect(wire.sent.length).toBe(1);
    release();
    expect(wire.sent.map(({ lane }) => lane)).toEqual([1, 0]);
    driver.send(0, frame);
    expect(wire.sent.length).toBe(3);
  });

  it('is cured by a reset, and not stalled again by what comes late', () => {
    const { card, driver, machine, wire } = runningCard();
    const release = card.stall(0);
    driver.send(0, frame);
    const fresh = new NetDriver(machine);
    fresh.send(0, frame);
    expect(wire.sent.length).toBe(1);
    release();
    fresh.send(0, frame);
    expect(wire.sent.length).toBe(2);
  });

  it('is one that the driver has', () => {
    expect(() => newCard().card.stall(0)).toThrow(new RangeError('the driver has no transmit queue of pair 0'));
    expect(() => runningCard({ queuePairs: 2 }).card.stall(2)).toThrow(RangeError);
  });
});
