import { describe, expect, it } from 'vitest';
import { plainFrame } from '../support/frames.js';
import { newCard, runningCard, type Card } from '../support/netDriver.js';
import { header, status } from '../support/pciDriver.js';

const copy = (state: unknown): unknown => JSON.parse(JSON.stringify(state));

/** A card like that one in a machine of its own, with the same memory. */
function moved({ pci, machine }: Pick<Card, 'pci' | 'machine'>): Card {
  const other = newCard();
  other.machine.memory.bytes.set(machine.memory.bytes);
  other.pci.restore(copy(pci.save()));
  return other;
}

describe('a saved function', () => {
  it('is plain data, and the same again when it is restored', () => {
    const parts = runningCard();
    const { pci, driver, wire, card } = parts;
    driver.setPairs(3);
    driver.giveBuffers(1, [200], [200]);
    driver.send(2, plainFrame(60));
    wire.deliver(plainFrame(60));
    card.setLink(false);
    const state = copy(pci.save());
    expect(pci.save()).toEqual(state);
    expect(copy(moved(parts).pci.save())).toEqual(state);
  });

  it('has its registers, its BAR and its interrupts back in another machine', () => {
    const parts = runningCard({}, { intx: true });
    const { driver, machine, card } = parts;
    card.setLink(false);
    const other = moved(parts);
    expect(other.machine.mapped).toEqual(machine.mapped);
    expect(other.machine.asserted).toBe(true);
    for (let offset = 0; offset < 256; offset += 4) {
      expect(other.machine.readConfig(offset, 4)).toBe(machine.readConfig(offset, 4));
    }
    const common = driver.pci.at(1, 0);
    for (let offset = 0; offset < 56; offset += 4) {
      expect(other.machine.read(common + offset, 4)).toBe(machine.read(common + offset, 4));
    }
  });

  it('has its masked and pending vectors back', () => {
    const { pci, driver, machine, card } = runningCard();
    driver.msix!.mask(0, true);
    card.setLink(false);
    machine.insert(pci);
    pci.restore(copy(pci.save()));
    expect(driver.msix!.pending(0)).toBe(true);
    expect(driver.msix!.fired()).toEqual([]);
    driver.msix!.mask(0, false);
    expect(driver.msix!.fired()).toEqual([0]);
  });

  it('needs a reset still when it needed one', () => {
    const { pci, driver, wire, faults } = runningCard();
    driver.queueBytes(1, new Uint8Array(3));
    driver.pci.kick(1);
    pci.restore(copy(pci.save()));
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    driver.queuePacket(0, plainFrame(60));
    driver.pci.notify(1);
    expect(wire.sent).toEqual([]);
    expect(faults.filter(({ needsReset }) => needsReset).length).toBe(1);
  });

  it('that no driver had touched is as after power-on', () => {
    const { pci, machine } = runningCard();
    pci.restore(copy(newCard().pci.save()));
    expect(machine.mapped).toEqual([undefined]);
    expect(machine.readConfig(header.command, 2)).toBe(0);
    expect(pci.negotiation.status).toBe(0);
  });

  it('can be restored again and again', () => {
    const { pci, driver, wire } = runningCard();
    const state = copy(pci.save());
    for (let i = 0; i < 3; i++) pci.restore(state);
    driver.send(0, plainFrame(60));
    expect(wire.sent.length).toBe(1);
  });

  it('tells whether its driver is ready now', () => {
    const { pci } = runningCard();
    const [running, fresh] = [copy(pci.save()), copy(newCard().pci.save())];
    const seen: boolean[] = [];
    pci.onActive.on((active) => seen.push(active));
    for (const state of [fresh, fresh, running, running]) pci.restore(state);
    expect(seen).toEqual([false, true]);
  });
});

describe('a state is refused, and nothing changes', () => {
  const cases: [what: string, state: unknown][] = [
    ['that is none', undefined],
    ['that is null', null],
    ['that is text', 'state'],
    ['of another version', { version: 1 }],
    ['of another kind of device', { ...newCard().pci.save(), deviceId: 2 }],
    ['of a card with another number of pairs', newCard({ queuePairs: 2 }).pci.save()],
    ['of a card of another version', { ...newCard().pci.save(), device: { version: 7 } }],
  ];
  for (const [what, state] of cases) {
    it(what, () => {
      const { pci, driver, wire } = runningCard();
      const before = copy(pci.save());
      expect(() => pci.restore(state)).toThrow(RangeError);
      expect(copy(pci.save())).toEqual(before);
      driver.send(0, plainFrame(60));
      expect(wire.sent.length).toBe(1);
    });
  }
});
