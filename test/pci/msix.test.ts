import { describe, expect, it } from 'vitest';
import { plainFrame } from '../support/frames.js';
import { runningCard } from '../support/netDriver.js';
import { noVector, status } from '../support/pciDriver.js';

const [config, input, output, control] = [0, 1, 2, 3];
const frame = plainFrame(60);

/** A card of one pair whose driver uses MSI-X, with receive buffers. */
function newCard() {
  const parts = runningCard({ queuePairs: 1 });
  parts.driver.giveBuffers(0, ...new Array<number[]>(8).fill([200]));
  return { ...parts, msix: parts.driver.msix! };
}

describe('a vector fires', () => {
  it('for its own queue, and for the configuration', () => {
    const { card, driver, msix, wire } = newCard();
    wire.deliver(frame);
    expect(msix.fired()).toEqual([input]);
    driver.send(0, frame);
    expect(msix.fired()).toEqual([output]);
    driver.setPairs(1);
    expect(msix.fired()).toEqual([control]);
    card.setLink(false);
    expect(msix.fired()).toEqual([config]);
  });

  it('once for a burst', () => {
    const { wire, msix } = newCard();
    wire.deliver(frame, frame, frame);
    expect(msix.fired()).toEqual([input]);
  });

  it('with the message that its entry holds now, 64-bit address and all', () => {
    const { wire, msix, machine } = newCard();
    msix.writeEntry(input, 0, 0xfee0100f);
    msix.writeEntry(input, 1, 0x12);
    msix.writeEntry(input, 2, 0xdeadbeef);
    wire.deliver(frame);
    expect(machine.takeMessages()).toEqual([{ address: 0x12_fee0_100c, data: 0xdeadbeef }]);
    expect([0, 1, 2, 3].map((word) => msix.readEntry(input, word))).toEqual([0xfee0100c, 0x12, 0xdeadbeef, 0]);
  });

  it('and nothing else: no line, no ISR bit for a queue', () => {
    const { wire, driver, machine } = newCard();
    wire.deliver(frame);
    expect(machine.assertions).toBe(0);
    expect(driver.pci.readIsr()).toBe(0);
  });

  it('shared by all that is mapped to it', () => {
    const { card, wire, driver, msix, pci } = newCard();
    driver.pci.set('configMsixVector', output);
    driver.pci.setQueue(0, 'queueMsixVector', output);
    wire.deliver(frame);
    card.setLink(false);
    expect(msix.fired()).toEqual([output, output]);
    expect(pci.vectorUses()[output]).toEqual({ vector: output, use: 'config input.0 output.0', fired: 2 });
  });

  it('that the driver gives a queue while it runs, from the next interrupt on', () => {
    const { wire, driver, msix } = newCard();
    wire.deliver(frame);
    driver.frames(0);
    driver.pci.setQueue(0, 'queueMsixVector', control);
    wire.deliver(frame);
    driver.frames(0);
    driver.pci.setQueue(0, 'queueMsixVector', noVector);
    wire.deliver(frame);
    driver.frames(0);
    driver.pci.setQueue(0, 'queueMsixVector', input);
    wire.deliver(frame);
    expect(msix.fired()).toEqual([input, control, input]);
  });

  it('once for all that share it while it is masked', () => {
    const { card, wire, driver, msix } = newCard();
    driver.pci.set('configMsixVector', output);
    driver.pci.setQueue(0, 'queueMsixVector', output);
    msix.mask(output, true);
    wire.deliver(frame);
    driver.send(0, frame);
    card.setLink(false);
    expect([msix.fired(), msix.pending(output)]).toEqual([[], true]);
    // What was pending stays so although a queue leaves the vector.
    driver.pci.setQueue(0, 'queueMsixVector', input);
    msix.mask(output, false);
    expect(msix.fired()).toEqual([output]);
  });

  it('never for what is mapped to none (4.1.5.1.3.1, 4.1.5.1.4.1)', () => {
    const { card, wire, driver, msix, machine } = newCard();
    driver.pci.set('configMsixVector', noVector);
    driver.pci.setQueue(0, 'queueMsixVector', noVector);
    wire.deliver(frame);
    card.setLink(false);
    expect(msix.fired()).toEqual([]);
    expect(machine.assertions).toBe(0);
    expect(driver.frames(0).length).toBe(1);
  });

  it('and is counted', () => {
    const { wire, pci } = newCard();
    wire.deliver(frame);
    wire.deliver(frame);
    expect(pci.vectorUses()).toEqual([
      { vector: config, use: 'config', fired: 0 },
      { vector: input, use: 'input.0', fired: 1 },
      { vector: output, use: 'output.0', fired: 0 },
      { vector: control, use: 'control', fired: 0 },
    ]);
  });
});

describe('a masked vector', () => {
  it('is pending, and fires when it is unmasked', () => {
    const { wire, driver, msix } = newCard();
    msix.mask(input, true);
    wire.deliver(frame);
    driver.frames(0);
    wire.deliver(frame);
    expect(msix.fired()).toEqual([]);
    expect([msix.pending(input), msix.pending(output)]).toEqual([true, false]);
    msix.mask(input, false);
    expect(msix.fired()).toEqual([input]);
    expect(msix.pending(input)).toBe(false);
  });

  it('does not fire when another one is unmasked', () => {
    const { wire, msix } = newCard();
    msix.mask(input, true);
    wire.deliver(frame);
    msix.mask(output, false);
    expect(msix.fired()).toEqual([]);
  });

  it('fires with the message that it has by then', () => {
    const { wire, msix, machine } = newCard();
    msix.mask(input, true);
    wire.deliver(frame);
    msix.writeEntry(input, 2, 0x77);
    msix.mask(input, false);
    expect(machine.takeMessages()).toEqual([{ address: msix.message(input).address, data: 0x77 }]);
  });

  it('is how every vector starts', () => {
    const { machine, driver, msix, pci } = newCard();
    pci.reset();
    driver.pci.command(6);
    machine.writeConfig(0x10, 4, 0xfe000000);
    expect([0, 1, 2, 3].map((vector) => msix.readEntry(vector, 3))).toEqual([1, 1, 1, 1]);
  });

  it('keeps nothing pending when the device is reset (2.4.1)', () => {
    const { wire, driver, msix } = newCard();
    msix.mask(input, true);
    wire.deliver(frame);
    driver.pci.reset();
    expect(msix.pending(input)).toBe(false);
    msix.mask(input, false);
    expect(msix.fired()).toEqual([]);
  });
});

describe('a masked function', () => {
  it('keeps all vectors pending, and fires each of them once', () => {
    const { card, wire, driver, msix } = newCard();
    msix.maskFunction(true);
    wire.deliver(frame);
    driver.send(0, frame);
    card.setLink(false);
    card.setLink(true);
    expect(msix.fired()).toEqual([]);
    msix.maskFunction(false);
    expect(msix.fired().sort()).toEqual([config, input, output]);
    msix.maskFunction(true);
    msix.maskFunction(false);
    expect(msix.fired()).toEqual([]);
  });

  it('does not unmask what is masked on its own', () => {
    const { wire, msix } = newCard();
    msix.maskFunction(true);
    msix.mask(input, true);
    wire.deliver(frame);
    msix.maskFunction(false);
    expect(msix.fired()).toEqual([]);
    msix.mask(input, false);
    expect(msix.fired()).toEqual([input]);
  });
});

describe('the table and the pending bits', () => {
  it('of 514 vectors', () => {
    const { driver, wire, machine } = runningCard({ queuePairs: 256, queueSize: 4, memory: 0x100000 }, { pairs: 1 });
    const msix = driver.msix!;
    driver.giveBuffers(0, [200]);
    driver.pci.setQueue(0, 'queueMsixVector', 513);
    msix.mask(513, true);
    wire.deliver(frame);
    expect(Array.from({ length: 514 }, (_, vector) => msix.pending(vector)).lastIndexOf(true)).toBe(513);
    msix.mask(513, false);
    expect(msix.fired()).toEqual([513]);
    expect(machine.asserted).toBe(false);
  });

  it('of none: there is no capability, and interrupts come by the line', () => {
    const { driver, wire, machine, pci } = runningCard({ queuePairs: 1, vectors: 0 }, { intx: true });
    expect(driver.pci.msixCapability).toBeUndefined();
    driver.giveBuffers(0, [200]);
    wire.deliver(frame);
    expect([machine.asserted, machine.messages]).toEqual([true, []]);
    expect([driver.pci.readIsr(), machine.asserted]).toEqual([1, false]);
    driver.pci.setQueue(0, 'queueMsixVector', 0);
    expect(driver.pci.getQueue(0, 'queueMsixVector')).toBe(noVector);
    const state: unknown = JSON.parse(JSON.stringify(pci.save()));
    pci.restore(state);
    expect(pci.save()).toEqual(state);
  });

  it('of fewer vectors than queues refuse a vector that is not there', () => {
    const { driver, wire } = runningCard({ queuePairs: 1, vectors: 2 });
    const msix = driver.msix!;
    expect(msix.vectors).toBe(2);
    expect([0, 1, 2].map((queue) => driver.pci.getQueue(queue, 'queueMsixVector'))).toEqual([1, noVector, noVector]);
    for (const queue of [0, 1, 2]) driver.pci.setQueue(queue, 'queueMsixVector', 1);
    driver.giveBuffers(0, [200]);
    wire.deliver(frame);
    driver.send(0, frame);
    driver.setPairs(1);
    expect(msix.fired()).toEqual([1, 1, 1]);
  });

  it('of a number that cannot be', () => {
    for (const vectors of [-1, 1.5, 2049, NaN])
      expect(() => runningCard({ vectors })).toThrow(`vectors is ${vectors};`);
    expect(runningCard({ vectors: 2048, queuePairs: 1 }).driver.msix!.vectors).toBe(2048);
  });

  it('have writable words, a mask bit, and read-only pending bits', () => {
    const { driver, msix, machine } = newCard();
    for (let word = 0; word < 4; word++) msix.writeEntry(output, word, 0xffffffff);
    expect([0, 1, 2, 3].map((word) => msix.readEntry(output, word))).toEqual([0xfffffffc, 0xffffffff, 0xffffffff, 1]);
    const pending = machine.readConfig(driver.pci.msixCapability! + 8, 4) & ~7;
    machine.write(machine.mapped[0]! + pending, 4, 0xffffffff);
    expect([0, 1, 2, 3].map((vector) => msix.pending(vector))).toEqual([false, false, false, false]);
  });

  it('can be written in parts', () => {
    const { machine, msix, wire } = newCard();
    machine.splitting = 'bytes';
    msix.writeEntry(input, 2, 0x41aa);
    msix.mask(input, true);
    wire.deliver(frame);
    msix.mask(input, false);
    machine.splitting = 'whole';
    expect(msix.fired()).toEqual([0xaa]);
  });
});

describe('DEVICE_NEEDS_RESET', () => {
  it('is told by a configuration interrupt (2.1.2)', () => {
    const { driver, msix } = newCard();
    driver.queueBytes(1, new Uint8Array(5));
    driver.pci.notify(1);
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    expect(msix.fired()).toEqual([config]);
    expect(driver.pci.readIsr()).toBe(2);
  });
});
