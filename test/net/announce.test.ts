import { describe, expect, it } from 'vitest';
import { NetDevice } from '../../src/net/index.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { feature, newCard, runningCard, type NetDriver } from '../support/netDriver.js';

const [ok, error] = [0, 1];
const [linkUp, announce] = [1, 2];

const status = (driver: NetDriver): number => driver.pci.readDevice(6, 2);
const acknowledge = (driver: NetDriver, data: number[] = []): number | undefined => driver.command(3, 0, data);

describe('a driver that is asked to announce its guest (5.1.6.5.4)', () => {
  it('sees it in the status field, with a configuration interrupt, until it has acknowledged', () => {
    const { driver, card, faults } = runningCard();
    expect(card.announce()).toBe(true);
    expect(status(driver)).toBe(linkUp | announce);
    expect(driver.msix!.fired()).toEqual([0]);
    const generation = driver.pci.get('configGeneration');
    expect(acknowledge(driver)).toBe(ok);
    expect(status(driver)).toBe(linkUp);
    expect(driver.pci.get('configGeneration')).not.toBe(generation);
    expect(faults).toEqual([]);
  });

  it('can be asked again, before and after', () => {
    const { driver, card } = runningCard();
    expect([card.announce(), card.announce()]).toEqual([true, true]);
    acknowledge(driver);
    expect(card.announce()).toBe(true);
    expect(status(driver)).toBe(linkUp | announce);
  });

  it('may acknowledge what nobody asked', () => {
    const { driver } = runningCard();
    expect(acknowledge(driver)).toBe(ok);
    expect(status(driver)).toBe(linkUp);
  });

  it('acknowledges without data', () => {
    const { driver, card, faults } = runningCard();
    card.announce();
    expect(acknowledge(driver, [0])).toBe(error);
    expect(status(driver)).toBe(linkUp | announce);
    expect(faults).toMatchObject([{ fault: { rule: 'control-argument' } }]);
  });

  it('is not asked any more after a reset', () => {
    const { driver, card } = runningCard();
    card.announce();
    driver.pci.reset();
    expect(status(driver)).toBe(linkUp);
  });

  it('is still asked after its card was saved and restored', () => {
    const { driver, card, pci, machine } = runningCard();
    card.announce();
    const restored = new NetDevice(new ManualClock(), { mac: '52:54:00:12:34:57', queueSize: 16 });
    const restoredPci = new VirtioPciFunction(restored);
    const state: unknown = JSON.parse(JSON.stringify(pci.save()));
    machine.insert(restoredPci);
    restoredPci.restore(state);
    expect(status(driver)).toBe(linkUp | announce);
    expect(acknowledge(driver)).toBe(ok);
    expect(status(driver)).toBe(linkUp);
  });
});

describe('nobody is asked', () => {
  it('before the driver is ready', () => {
    const { card } = newCard();
    expect(card.announce()).toBe(false);
  });

  it.each([
    ['command', feature.version1 | feature.controlQueue | feature.status],
    ['status field', feature.version1 | feature.controlQueue | feature.announce],
  ])('without the %s', (_, features) => {
    const { card, driver } = runningCard({}, { features });
    expect(card.announce()).toBe(false);
    expect(status(driver)).toBe(linkUp);
    expect(driver.msix!.fired()).toEqual([]);
  });

  it('while the link is down: nobody would hear it', () => {
    const { card, driver } = runningCard();
    card.setLink(false);
    expect(card.announce()).toBe(false);
    expect(status(driver)).toBe(0);
  });
});
