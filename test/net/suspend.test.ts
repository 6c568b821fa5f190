import { describe, expect, it } from 'vitest';

import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, newCard, NetDriver, runningCard, type DriverOptions } from '../support/netDriver.js';

const [acknowledged, featuresOk, driverOk, suspended, needsReset] = [3, 8, 4, 16, 64];
const running = acknowledged | featuresOk | driverOk;
const standing = acknowledged | featuresOk | suspended;

function newPair(driverOptions: DriverOptions = {}) {
  const parts = runningCard({ queuePairs: 1, queueSize: 16, deadline: 1000 }, driverOptions);
  const { driver } = parts;
  return {
    ...parts,
    status: () => driver.pci.get('deviceStatus'),
    suspend: () => driver.pci.set('deviceStatus', driver.pci.get('deviceStatus') | suspended),
    resume: () => driver.pci.set('deviceStatus', driver.pci.get('deviceStatus') | driverOk),
  };
}

describe('a suspended card (virtio 1.4, 3.4)', () => {
  it('has SUSPEND set and DRIVER_OK clear until it goes on', () => {
    const { status, suspend, resume, faults } = newPair();
    suspend();
    expect(status()).toBe(standing);
    suspend();
    expect(status()).toBe(standing);
    resume();
    expect(status()).toBe(running);
    expect(faults).toEqual([]);
  });

  it('touches no queue and tells of nothing, and has lost nothing when it goes on', () => {
    const { driver, wire, machine, suspend, resume, card, faults } = newPair();
    driver.giveBuffers(0, [200], [200]);
    driver.msix!.fired();
    suspend();
    driver.queuePacket(0, plainFrame(70));
    const before = machine.memory.bytes.slice();
    expect(wire.deliver(plainFrame(80), plainFrame(81))).toEqual([Sent.full, Sent.full]);
    driver.pci.notify(1);
    expect(Buffer.compare(machine.memory.bytes, before)).toBe(0);
    expect(driver.msix!.fired()).toEqual([]);
    expect(wire.sent).toEqual([]);
    expect(card.listening).toBe(false);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['notify-suspended']);
    resume();
    expect(driver.frames(0)).toEqual([plainFrame(80), plainFrame(81)]);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(70)]);
    expect(driver.completed(0)).toBe(1);
    expect(driver.msix!.fired()).toEqual(expect.arrayContaining([1, 2]));
  });

  it('asks for what waits when it goes on, without a control queue too', () => {
    const { driver, wire, suspend, resume } = newPair({ features: feature.version1 | feature.suspend });
    driver.giveBuffers(0, [200], [200]);
    suspend();
    wire.deliver(plainFrame(80));
    resume();
    expect(driver.frames(0)).toEqual([plainFrame(80)]);
  });

  it('has the link that it was given meanwhile, when it goes on and after a reset', () => {
    const { card, driver, suspend, resume } = newPair();
    suspend();
    card.setLink(false);
    expect(card.linkUp).toBe(true);
    resume();
    expect(card.linkUp).toBe(false);
    suspend();
    card.setLink(true);
    driver.pci.reset();
    expect(card.linkUp).toBe(true);
  });

  it('is suspended only when what it has of the driver is given back', () => {
    const { driver, wire, status, suspend } = newPair();
    wire.answer = Sent.full;
    driver.send(0, plainFrame(70), plainFrame(71));
    suspend();
    expect(status()).toBe(running);
    driver.queuePacket(0, plainFrame(72));
    driver.pci.notify(1);
    wire.giveRoom();
    expect(wire.sent).toHaveLength(2);
    expect(status()).toBe(standing);
    expect(driver.completed(0)).toBe(2);
  });

  it('waits for room no longer than its deadline', () => {
    const { driver, wire, status, suspend, clock, card } = newPair();
    wire.answer = Sent.full;
    driver.send(0, plainFrame(70));
    suspend();
    clock.advance(1001);
    expect(status()).toBe(standing);
    expect(card.counters[0].dropped).toEqual({ deadline: 1 });
  });

  it('tells of packets whose interrupt would have come later', () => {
    const { driver, suspend, status } = newPair();
    // VIRTIO_NET_CTRL_NOTF_COAL_TX_SET: 100 packets, or 1,000,000 microseconds.
    expect(driver.command(6, 0, [100, 0, 0, 0, 0x40, 0x42, 0x0f, 0])).toBe(0);
    driver.msix!.fired();
    driver.send(0, plainFrame(70));
    expect(driver.msix!.fired()).toEqual([]);
    suspend();
    expect(driver.msix!.fired()).toEqual([2]);
    expect(status()).toBe(standing);
  });

  it('tells of a change of its configuration when it goes on, and shows it then', () => {
    const { driver, suspend, resume, card } = newPair();
    driver.msix!.fired();
    suspend();
    const before = driver.pci.readDevice(6, 2);
    card.setLink(false);
    expect(driver.pci.readDevice(6, 2)).toBe(before);
    expect(driver.msix!.fired()).toEqual([]);
    resume();
    expect(driver.pci.readDevice(6, 2)).toBe(before & ~1);
    expect(driver.msix!.fired()).toContain(0);
  });

  it('tells of a failure when it goes on', () => {
    const { driver, suspend, resume, status, card } = newPair();
    suspend();
    driver.msix!.fired();
    card.fail('a test');
    expect(status()).toBe(standing | needsReset);
    expect(driver.msix!.fired()).toEqual([]);
    resume();
    expect(status()).toBe(running | needsReset);
    expect(driver.msix!.fired()).toEqual([0]);
  });

  it('is as after power-on when it is reset', () => {
    const { driver, suspend, status, card, wire, machine } = newPair();
    suspend();
    driver.pci.set('deviceStatus', 0);
    expect(status()).toBe(0);
    const again = new NetDriver(machine);
    again.giveBuffers(0, [200]);
    wire.deliver(plainFrame(80));
    expect(again.frames(0)).toEqual([plainFrame(80)]);
    expect(card.listening).toBe(true);
  });

  it('goes on where its driver left it when it was saved and restored', () => {
    const { driver, suspend, pci, card, wire, status, resume } = newPair();
    driver.giveBuffers(0, [200]);
    suspend();
    const state = structuredClone(pci.save());
    driver.pci.set('deviceStatus', 0);
    pci.restore(state);
    expect(status()).toBe(standing);
    expect(card.listening).toBe(false);
    expect(wire.deliver(plainFrame(80))).toEqual([Sent.full]);
    resume();
    expect(driver.frames(0)).toEqual([plainFrame(80)]);
  });

  it('is suspended after it was restored, if it was about to be', () => {
    const { driver, suspend, pci, wire, status } = newPair();
    wire.answer = Sent.full;
    driver.send(0, plainFrame(70));
    suspend();
    const state = structuredClone(pci.save());
    pci.restore(state);
    expect(status()).toBe(running);
    wire.giveRoom();
    expect(status()).toBe(standing);
    expect(driver.completed(0)).toBe(1);
  });
});

describe('SUSPEND is ignored', () => {
  it('before DRIVER_OK', () => {
    const { machine } = newCard();
    const driver = new NetDriver(machine, { early: true });
    driver.pci.set('deviceStatus', driver.pci.get('deviceStatus') | suspended);
    expect(driver.pci.get('deviceStatus')).toBe(acknowledged | featuresOk);
    driver.pci.driverOk();
    expect(driver.pci.get('deviceStatus')).toBe(running);
  });

  it('together with DRIVER_OK', () => {
    const { machine } = newCard();
    const driver = new NetDriver(machine, { early: true });
    driver.pci.set('deviceStatus', running | suspended);
    expect(driver.pci.get('deviceStatus')).toBe(running);
  });

  it('without VIRTIO_F_SUSPEND', () => {
    const { driver } = runningCard({}, { features: feature.version1 });
    driver.pci.set('deviceStatus', running | suspended);
    expect(driver.pci.get('deviceStatus')).toBe(running);
  });

  it('by a card that needs a reset', () => {
    const { driver, card, suspend } = newPair();
    card.fail('a test');
    suspend();
    expect(driver.pci.get('deviceStatus')).toBe(running | needsReset);
  });
});
