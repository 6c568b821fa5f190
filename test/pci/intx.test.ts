import { describe, expect, it } from 'vitest';
import { plainFrame } from '../support/frames.js';
import { runningCard } from '../support/netDriver.js';
import { MsixDriver } from '../support/msixDriver.js';
import { commandBit, header, statusBit } from '../support/pciDriver.js';

const queueBit = 1;
const configBit = 2;
const frame = plainFrame(60);

function newCard() {
  const parts = runningCard({ queuePairs: 2 }, { intx: true });
  parts.driver.giveBuffers(0, ...new Array<number[]>(8).fill([200]));
  const interruptStatus = (): boolean => (parts.machine.readConfig(header.status, 2) & statusBit.interrupt) !== 0;
  return { ...parts, interruptStatus };
}

describe('without MSI-X a card (4.1.4.5)', () => {
  it('asserts its line for a queue until the ISR status is read', () => {
    const { machine, wire, driver, interruptStatus } = newCard();
    wire.deliver(frame);
    expect([machine.asserted, interruptStatus()]).toEqual([true, true]);
    expect(driver.pci.readIsr()).toBe(queueBit);
    expect([machine.asserted, interruptStatus()]).toEqual([false, false]);
    expect(driver.pci.readIsr()).toBe(0);
    expect(machine.messages).toEqual([]);
  });

  it('says whether a queue, the configuration or both are meant', () => {
    const { card, wire, driver } = newCard();
    card.setLink(false);
    expect(driver.pci.readIsr()).toBe(configBit);
    card.setLink(true);
    wire.deliver(frame);
    expect(driver.pci.readIsr()).toBe(configBit | queueBit);
  });

  it('does not read the ISR status by accident: neighbours do not clear it', () => {
    const { machine, wire, driver } = newCard();
    wire.deliver(frame);
    const isr = driver.pci.at(3, 0);
    machine.read(isr - 4, 4);
    machine.read(isr + 4, 4);
    machine.write(isr, 1, 0);
    expect(machine.asserted).toBe(true);
    expect(machine.read(isr, 4)).toBe(queueBit);
    expect(machine.asserted).toBe(false);
  });

  it('keeps its line released while the command register disables it, but shows the status', () => {
    const { machine, wire, driver, interruptStatus } = newCard();
    const on = commandBit.memory | commandBit.busMaster;
    driver.pci.command(on | commandBit.interruptDisable);
    wire.deliver(frame);
    expect([machine.asserted, interruptStatus()]).toEqual([false, true]);
    driver.pci.command(on);
    expect(machine.asserted).toBe(true);
  });

  it('releases its line when it is reset', () => {
    const { machine, wire, driver, pci } = newCard();
    wire.deliver(frame);
    driver.pci.reset();
    expect(machine.asserted).toBe(false);
    expect(driver.pci.readIsr()).toBe(0);
    pci.reset();
    expect(machine.asserted).toBe(false);
  });

  it('asserts its line again for the next buffer', () => {
    const { machine, wire, driver } = newCard();
    for (let i = 1; i <= 3; i++) {
      wire.deliver(frame);
      expect(machine.assertions).toBe(i);
      driver.pci.readIsr();
      driver.frames(0);
    }
  });
});

describe('a switch between MSI-X and INTx', () => {
  it('releases the line when MSI-X is enabled, and asserts it when it is disabled again', () => {
    const { machine, wire, driver } = newCard();
    const msix = new MsixDriver(driver.pci);
    wire.deliver(frame);
    msix.enable();
    expect(machine.asserted).toBe(false);
    msix.disable();
    expect(machine.asserted).toBe(true);
    expect(driver.pci.readIsr()).toBe(queueBit);
  });

  it('sets the configuration bit of the ISR status with MSI-X too, and the queue bit not (4.1.4.5.1)', () => {
    const { card, machine, wire, driver } = newCard();
    new MsixDriver(driver.pci).enable();
    wire.deliver(frame);
    card.setLink(false);
    expect(driver.pci.readIsr()).toBe(configBit);
    expect(machine.assertions).toBe(0);
  });
});
