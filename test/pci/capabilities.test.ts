import { describe, expect, it } from 'vitest';
import { newCard } from '../support/netDriver.js';
import { MsixDriver } from '../support/msixDriver.js';
import { capabilityId, PciDriver, structure } from '../support/pciDriver.js';

describe('the capability list', () => {
  const { machine } = newCard();
  const driver = new PciDriver(machine);
  const capabilities = driver.capabilities();

  it('has MSI-X and the five virtio structures, each once', () => {
    expect(capabilities.filter(({ id }) => id === capabilityId.msix).length).toBe(1);
    const types = capabilities
      .filter(({ id }) => id === capabilityId.vendor)
      .map(({ offset }) => machine.readConfig(offset + 3, 1));
    expect(types.sort()).toEqual([structure.common, structure.notify, structure.isr, structure.device, structure.pci]);
    expect(capabilities.length).toBe(6);
  });

  it('lies behind the header, aligned to 4, each entry clear of the next', () => {
    const lengths = capabilities.map(({ id, offset }) => {
      return id === capabilityId.msix ? 12 : machine.readConfig(offset + 2, 1);
    });
    const sorted = capabilities
      .map(({ offset }, i) => ({ offset, end: offset + lengths[i] }))
      .sort((a, b) => a.offset - b.offset);
    sorted.forEach(({ offset, end }, i) => {
      expect(offset % 4).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(0x40);
      expect(end).toBeLessThanOrEqual(sorted[i + 1]?.offset ?? 256);
    });
  });

  it('gives each structure the length of its struct (4.1.4)', () => {
    const lengths = Object.fromEntries(
      [...driver.structures].map(([type, { capability }]) => [type, machine.readConfig(capability + 2, 1)]),
    );
    expect(lengths).toEqual({ 1: 16, 2: 20, 3: 16, 4: 16, 5: 20 });
  });

  it('puts the structures where their alignment asks for', () => {
    expect(driver.structures.get(structure.common)!.offset % 4).toBe(0);
    expect(driver.structures.get(structure.notify)!.offset % 2).toBe(0);
    expect(driver.structures.get(structure.device)!.offset % 4).toBe(0);
    expect(driver.structures.get(structure.common)!.length).toBeGreaterThanOrEqual(56);
    expect(driver.structures.get(structure.isr)!.length).toBeGreaterThanOrEqual(1);
    expect(driver.structures.get(structure.device)!.length).toBe(28);
  });

  it('is read-only but for what a driver sets', () => {
    const before = Array.from({ length: 256 }, (_, i) => machine.readConfig(i, 1));
    const writable = new Set<number>();
    const msix = driver.msixCapability!;
    const window = driver.structures.get(structure.pci)!.capability;
    for (const offset of [msix + 3, window + 4, ...[8, 9, 10, 11, 12, 13, 14, 15].map((i) => window + i)]) {
      writable.add(offset);
    }
    for (let offset = 0x40; offset < 256; offset++) {
      if (!writable.has(offset)) machine.writeConfig(offset, 1, before[offset] ^ 0xff);
    }
    expect(Array.from({ length: 256 }, (_, i) => machine.readConfig(i, 1))).toEqual(before);
  });
});

describe('the notification structure (4.1.4.4)', () => {
  it.each([1, 2, 4, 256])('gives every queue of %i pairs an address inside it', (queuePairs) => {
    const { machine } = newCard({ queuePairs });
    const driver = new PciDriver(machine);
    const { capability, length } = driver.structures.get(structure.notify)!;
    const multiplier = machine.readConfig(capability + 16, 4);
    expect(Math.log2(multiplier) % 1).toBe(0);
    expect(multiplier % 2).toBe(0);
    const offsets = Array.from({ length: 2 * queuePairs + 1 }, (_, queue) => driver.getQueue(queue, 'queueNotifyOff'));
    expect(new Set(offsets).size).toBe(offsets.length);
    for (const offset of offsets) expect(offset * multiplier + 2).toBeLessThanOrEqual(length);
  });
});

describe('MSI-X', () => {
  it.each([1, 2, 3, 4, 8, 64, 256])(
    'of %i pairs has one vector for each queue and one for the configuration',
    (pairs) => {
      const { machine } = newCard({ queuePairs: pairs });
      const msix = new MsixDriver(new PciDriver(machine));
      expect(msix.vectors).toBe(2 * pairs + 2);
    },
  );

  it('has its table and its pending bits in the BAR, clear of each other', () => {
    const { machine } = newCard({ queuePairs: 256 });
    const driver = new PciDriver(machine);
    const [table, pending] = [4, 8].map((register) => machine.readConfig(driver.msixCapability! + register, 4));
    expect([table & 7, pending & 7]).toEqual([0, 0]);
    expect((table & ~7) + 16 * 514).toBeLessThanOrEqual(pending & ~7);
    expect((pending & ~7) + 8 * Math.ceil(514 / 64)).toBeLessThanOrEqual(driver.barSize(0));
  });
});
