import { describe, expect, it } from 'vitest';
import { newCard } from '../support/netDriver.js';
import { commandBit, header, PciDriver, structure } from '../support/pciDriver.js';

const barBytes = 0x20000;

describe('the header of a virtio network card', () => {
  const { machine } = newCard();
  const registers: [name: string, offset: number, width: 1 | 2 | 4, value: number][] = [
    ['vendor id', 0x00, 2, 0x1af4],
    ['device id: 0x1040 and the virtio device id (4.1.2)', 0x02, 2, 0x1041],
    ['command', 0x04, 2, 0],
    ['status: it has a capability list', 0x06, 2, 0x10],
    ['revision: at least 1, non-transitional (4.1.2.1)', 0x08, 1, 1],
    ['class: Ethernet controller', 0x09, 2, 0x0000],
    ['class: network', 0x0b, 1, 0x02],
    ['header type 0, one function', 0x0e, 1, 0],
    ['subsystem vendor id', 0x2c, 2, 0x1af4],
    ['subsystem id: at least 0x40 (4.1.2.1)', 0x2e, 2, 0x1041],
    ['expansion ROM: none', 0x30, 4, 0],
    ['interrupt pin: INTA#', 0x3d, 1, 1],
  ];
  for (const [name, offset, width, value] of registers) {
    it(name, () => expect(machine.readConfig(offset, width)).toBe(value));
  }

  it('keeps all of that at any write', () => {
    const before = registers.map(([, offset, width]) => machine.readConfig(offset, width));
    for (const [, offset, width] of registers) if (offset !== 4) machine.writeConfig(offset, width, 0xffffffff);
    expect(registers.map(([, offset, width]) => machine.readConfig(offset, width))).toEqual(before);
  });
});

describe('what a guest may write to the header', () => {
  it('the command bits that mean something', () => {
    const { machine } = newCard();
    machine.writeConfig(header.command, 2, 0xffff);
    expect(machine.readConfig(header.command, 2)).toBe(0x547);
    machine.writeConfig(header.command, 1, 0);
    expect(machine.readConfig(header.command, 2)).toBe(0x500);
  });

  it('cache line size, latency timer and interrupt line, for its own use', () => {
    const { machine } = newCard();
    machine.writeConfig(0x0c, 2, 0x4010);
    machine.writeConfig(header.interruptLine, 1, 11);
    expect(machine.readConfig(0x0c, 4)).toBe(0x4010);
    expect(machine.readConfig(header.interruptLine, 2)).toBe(0x010b);
  });

  it('with a bus reset all is as it was', () => {
    const { machine, pci } = newCard();
    const before = Array.from({ length: 64 }, (_, i) => machine.readConfig(4 * i, 4));
    for (let i = 0; i < 64; i++) machine.writeConfig(4 * i, 4, 0xffffffff);
    pci.reset();
    expect(Array.from({ length: 64 }, (_, i) => machine.readConfig(4 * i, 4))).toEqual(before);
    expect(machine.mapped[0]).toBeUndefined();
  });
});

describe('the BAR', () => {
  it('is a memory BAR of 32 bits, and the only one', () => {
    const { machine } = newCard();
    expect(machine.readConfig(header.bar0, 4)).toBe(0);
    const driver = new PciDriver(machine);
    expect([0, 1, 2, 3, 4, 5].map((index) => driver.barSize(index))).toEqual([barBytes, 0, 0, 0, 0, 0]);
  });

  it('tells its size byte by byte too', () => {
    const { machine } = newCard();
    for (let i = 0; i < 4; i++) machine.writeConfig(header.bar0 + i, 1, 0xff);
    expect(machine.readConfig(header.bar0, 4)).toBe(0xfffe0000);
  });

  it('is decoded while the command register says so, where it was last put', () => {
    const { machine } = newCard();
    machine.writeConfig(header.bar0, 4, 0xe0001234);
    expect(machine.mapped[0]).toBeUndefined();
    machine.writeConfig(header.command, 2, commandBit.memory);
    expect(machine.mapped[0]).toBe(0xe0000000);
    machine.writeConfig(header.bar0, 4, 0xfebe0000);
    expect(machine.mapped[0]).toBe(0xfebe0000);
    machine.writeConfig(header.command, 2, commandBit.busMaster);
    expect(machine.mapped[0]).toBeUndefined();
  });

  it('holds all structures, each on its own, none beyond the end', () => {
    for (const queuePairs of [1, 4, 256]) {
      const { machine } = newCard({ queuePairs });
      const { structures } = new PciDriver(machine);
      const ranges = [...structures]
        .filter(([type]) => type !== structure.pci)
        .map(([, { bar, offset, length }]) => ({ bar, start: offset, end: offset + length }))
        .sort((a, b) => a.start - b.start);
      ranges.forEach(({ bar, start, end }, i) => {
        expect(bar).toBe(0);
        expect(start).toBeLessThan(end);
        expect(end).toBeLessThanOrEqual(ranges[i + 1]?.start ?? barBytes);
      });
    }
  });

  it('reads as zero and ignores writes between the structures', () => {
    const { machine } = newCard();
    const driver = new PciDriver(machine);
    const base = machine.mapped[0]!;
    for (const offset of [56, 0xffc, 0x1ffe, 0x2ffc, 0x3ffc, barBytes - 4]) {
      machine.write(base + offset, 4, 0xffffffff);
      expect(machine.read(base + offset, 4)).toBe(0);
    }
    expect(driver.get('deviceStatus')).toBe(0);
  });
});
