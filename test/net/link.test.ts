import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { newCard, runningCard } from '../support/netDriver.js';

const linkUp = 1;

describe('the link', () => {
  it('shows in the status field, with a configuration interrupt at each change (5.1.4)', () => {
    const { driver, card } = runningCard();
    const read = () => driver.pci.readDevice(6, 2);
    expect(read()).toBe(linkUp);
    card.setLink(false);
    expect(read()).toBe(0);
    expect(driver.msix!.fired()).toEqual([0]);
    card.setLink(false);
    expect(driver.msix!.fired()).toEqual([]);
    card.setLink(true);
    expect(read()).toBe(linkUp);
    expect(driver.msix!.fired()).toEqual([0]);
  });

  it('sends no interrupt before DRIVER_OK', () => {
    const { card, machine } = newCard();
    card.setLink(false);
    expect([machine.messages.length, machine.assertions]).toEqual([0, 0]);
  });

  it('carries nothing while it is down, in neither direction, and counts that', () => {
    const { driver, card, wire } = runningCard();
    driver.giveBuffers(0, [200]);
    card.setLink(false);
    driver.send(0, plainFrame(60));
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.dropped]);
    expect(card.counters[0]).toMatchObject({ rxFrames: 0, txFrames: 0, dropped: { linkDown: 2 } });
    card.setLink(true);
    wire.deliver(plainFrame(60));
    expect(driver.frames(0).length).toBe(1);
  });

  it('stays as it is at a reset: nobody plugged the cable in', () => {
    const { driver, card } = runningCard();
    card.setLink(false);
    driver.pci.reset();
    expect(driver.pci.readDevice(6, 2)).toBe(0);
  });
});
