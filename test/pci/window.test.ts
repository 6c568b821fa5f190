import { describe, expect, it } from 'vitest';
import type { AccessWidth } from '../../src/virtio/registers.js';
import { newCard } from '../support/netDriver.js';
import { common, header, PciDriver, status, structure, type CommonField } from '../support/pciDriver.js';

/** The PCI access capability: the way to the structures without any BAR (virtio 4.1.4.9). */
function newWindow() {
  const parts = newCard();
  const { machine } = parts;
  const driver = new PciDriver(machine);
  const at = driver.structures.get(structure.pci)!.capability;
  machine.writeConfig(header.command, 2, 0);
  const aim = (offset: number, length: number, bar = 0): void => {
    machine.writeConfig(at + 4, 1, bar);
    machine.writeConfig(at + 8, 4, offset);
    machine.writeConfig(at + 12, 4, length);
  };
  const place = (field: CommonField): [number, AccessWidth] => {
    const [offset, width] = common[field];
    return [driver.structures.get(structure.common)!.offset + offset, width];
  };
  return {
    ...parts,
    at,
    aim,
    data: at + 16,
    structures: driver.structures,
    get: (field: CommonField): number => {
      const [offset, width] = place(field);
      aim(offset, width);
      return machine.readConfig(at + 16, 4);
    },
    set: (field: CommonField, value: number): void => {
      const [offset, width] = place(field);
      aim(offset, width);
      machine.writeConfig(at + 16, 4, value);
    },
  };
}

describe('through the PCI access window a driver', () => {
  it('reads and writes the common configuration, while the BAR is decoded nowhere', () => {
    const { machine, get, set } = newWindow();
    expect(machine.mapped[0]).toBeUndefined();
    expect(get('numQueues')).toBe(9);
    set('deviceStatus', status.acknowledge);
    set('deviceStatus', status.acknowledge | status.driver);
    expect(get('deviceStatus')).toBe(3);
    set('queueSelect', 8);
    set('queueSize', 8);
    set('queueDesc', 0x12345670);
    expect([get('queueSize'), get('queueDesc')]).toEqual([8, 0x12345670]);
    set('deviceStatus', 0);
    expect(get('deviceStatus')).toBe(0);
  });

  it('reads the device configuration in each width', () => {
    const { machine, aim, data, structures } = newWindow();
    const offset = structures.get(structure.device)!.offset;
    aim(offset, 1);
    expect(machine.readConfig(data, 1)).toBe(0x52);
    aim(offset + 2, 2);
    expect(machine.readConfig(data, 2)).toBe(0x1200);
    aim(offset + 4, 4);
    expect(machine.readConfig(data, 4)).toBe(0x00015634);
  });

  it('writes only the first bytes of its data', () => {
    const { set, get } = newWindow();
    set('queueSelect', 0xffff0003);
    set('queueSize', 0xffff0004);
    expect([get('queueSelect'), get('queueSize'), get('queueMsixVector')]).toEqual([3, 4, 0xffff]);
  });

  it('keeps what it set of bar, offset and length', () => {
    const { machine, at, aim } = newWindow();
    aim(0x12345678, 4, 3);
    expect([machine.readConfig(at + 4, 1), machine.readConfig(at + 8, 4), machine.readConfig(at + 12, 4)]).toEqual([
      3, 0x12345678, 4,
    ]);
  });

  it('reads zero and writes nothing with what it must not set', () => {
    const { machine, aim, data, get } = newWindow();
    const wrong: [offset: number, length: number, bar: number][] = [
      [20, 3, 0],
      [20, 0, 0],
      [20, 8, 0],
      [20, 0xffffffff, 0],
      [21, 2, 0],
      [18, 4, 0],
      [0x20000, 4, 0],
      [0xfffffffc, 4, 0],
      [20, 1, 1],
      [20, 1, 6],
      [20, 1, 255],
    ];
    for (const [offset, length, bar] of wrong) {
      aim(offset, length, bar);
      machine.writeConfig(data, 4, 0xffffffff);
      expect(machine.readConfig(data, 4)).toBe(0);
    }
    expect(get('deviceStatus')).toBe(0);
  });

  it('makes no access by reading or writing beside its data', () => {
    const { machine, aim, at, set, get, structures } = newWindow();
    set('deviceStatus', status.acknowledge);
    aim(structures.get(structure.common)!.offset + 20, 1);
    machine.writeConfig(at + 2, 1, 0);
    machine.writeConfig(at + 5, 1, 0);
    expect(get('deviceStatus')).toBe(status.acknowledge);
  });
});
