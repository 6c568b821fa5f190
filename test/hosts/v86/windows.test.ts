import { beforeEach, describe, expect, it } from 'vitest';

import { pciBusOf, type PciBusError } from '../../../src/hosts/v86/pciBus.js';
import { ConfigAccess, memoryBytes, TestFunction, testMachine, type TestMachine } from './machine.js';

const low = 0xd0000000;
const high = 0xfe800000;

let test: TestMachine;
let config: ConfigAccess;
let card: TestFunction;
let errors: PciBusError[];

beforeEach(async () => {
  test = await testMachine();
  config = new ConfigAccess(test.cpu);
  card = new TestFunction();
  errors = [];
  pciBusOf(test.emulator).onError.on((error) => errors.push(error));
  pciBusOf(test.emulator).plug(card, { slot: 4 });
});

/** Every handler that the emulator has, to compare. */
function handlers(): unknown[] {
  const { cpu } = test.machine;
  const tables = [cpu.memory_map_read8, cpu.memory_map_write8, cpu.memory_map_read32, cpu.memory_map_write32];
  return tables.flatMap((table) => Array.from({ length: 0x8000 }, (_, block) => table[block]));
}

const same = (a: unknown[], b: unknown[]): boolean =>
  a.length === b.length && a.every((handler, index) => handler === b[index]);

function place(address: number, slot = 4): void {
  config.write(slot, 4, 0, 2);
  config.write(slot, 0x10, address);
  config.write(slot, 4, 2, 2);
}

describe('a memory BAR', () => {
  it('is sized as PCI has it, and decoded only when the command register says so', () => {
    config.write(4, 0x10, 0xffffffff);
    expect(config.read(4, 0x10)).toBe(0xfffc0000);
    config.write(4, 0x10, low);
    expect(test.cpu.read32s(low)).toBe(-1);
    config.write(4, 4, 2, 2);
    expect(test.cpu.read32s(low)).toBe(0x03020100);
  });

  it('takes accesses of 8 and 32 bits whole and those of 16 bits in halves', () => {
    place(low);
    expect(test.cpu.read8(low + 0x3ffff)).toBe(0xff);
    expect(test.cpu.read16(low + 0x11002)).toBe(0x0302);
    expect(test.cpu.read32s(low + 0xfc) >>> 0).toBe(0xfffefdfc);
    test.cpu.write8(low + 5, 0xa5);
    test.cpu.write16(low + 0x20002, 0x8001);
    test.cpu.write32(low + 0x3fffc, 0xfedcba98 | 0);
    expect(card.memoryBar.accesses).toEqual([
      ['read', 0x3ffff, 1],
      ['read', 0x11002, 1],
      ['read', 0x11003, 1],
      ['read', 0xfc, 4],
      ['write', 5, 1, 0xa5],
      ['write', 0x20002, 1, 0x01],
      ['write', 0x20003, 1, 0x80],
      ['write', 0x3fffc, 4, 0xfedcba98],
    ]);
  });

  it('moves, and leaves the handlers that were there before', () => {
    const before = handlers();
    place(low);
    const mapped = handlers();
    expect(same(before, mapped)).toBe(false);
    place(high);
    expect([test.cpu.read32s(low), test.cpu.read32s(high)]).toEqual([-1, 0x03020100]);
    place(low);
    config.write(4, 4, 0, 2);
    expect(same(before, handlers())).toBe(true);
  });

  it.each([
    [0x00100000, 'overlaps RAM'],
    [memoryBytes - 0x40000, 'overlaps RAM'],
    [0xfec00000, 'overlaps the IO-APIC'],
    [0xfee00000, 'overlaps the local APIC'],
    [0xe0000000, 'overlaps vga'],
    [0xfeb00000, 'overlaps vga'],
    [0xfffc0000, 'overlaps another device'],
  ])('stays out of %i', (address, reason) => {
    const before = handlers();
    place(address);
    expect(same(before, handlers())).toBe(true);
    const hex = address.toString(16);
    expect(errors).toEqual([{ slot: 4, error: new Error(`BAR 0 of test is not decoded at 0x${hex}: it ${reason}`) }]);
    place(memoryBytes);
    expect(test.cpu.read8(memoryBytes + 7)).toBe(7);
  });

  it('may be where v86 lets the handler of its video ROM answer beyond its end', () => {
    const before = handlers();
    for (const address of [0xfeb40000, 0xfebc0000]) {
      place(address);
      expect(test.cpu.read32s(address)).toBe(0x03020100);
    }
    config.write(4, 4, 0, 2);
    expect(same(before, handlers())).toBe(true);
    expect(errors).toEqual([]);
  });

  it('stays out of what is above 4 GiB', () => {
    card.host.mapBar(0, 0x1_0000_0000);
    expect(errors[0].error.message).toContain('is above 4 GiB');
  });

  it('gives way to another card, and takes its place when that goes', () => {
    const other = new TestFunction('other');
    pciBusOf(test.emulator).plug(other, { slot: 5 });
    place(low);
    place(low, 5);
    expect(errors.map(({ slot }) => slot)).toEqual([5]);
    test.cpu.read8(low);
    expect([card.memoryBar.accesses.length, other.memoryBar.accesses.length]).toEqual([1, 0]);
    place(high);
    test.cpu.read8(low);
    test.cpu.read8(high);
    expect([card.memoryBar.accesses.length, other.memoryBar.accesses.length]).toEqual([2, 1]);
  });

  it('answers all ones for an access that throws, and reports it', () => {
    place(low);
    card.memoryBar.onAccess = () => {
      throw new TypeError('broken');
    };
    expect([test.cpu.read8(low), test.cpu.read32s(low)]).toEqual([0xff, -1]);
    test.cpu.write32(low, 1);
    expect(errors).toEqual(new Array(3).fill({ slot: 4, error: new TypeError('broken') }));
  });
});

describe('an I/O BAR', () => {
  const placePorts = (port: number): void => {
    config.write(4, 4, 0, 2);
    config.write(4, 0x14, port);
    config.write(4, 4, 1, 2);
  };

  it('is decoded in every width, moves, and leaves the ports that were there before', () => {
    const { ports } = test.machine.cpu.io;
    const before = [...ports];
    placePorts(0xc000);
    const { io } = test.cpu;
    expect([io.port_read8(0xc001), io.port_read16(0xc002), io.port_read32(0xc01c)]).toEqual([1, 0x0302, 0x1f1e1d1c]);
    io.port_write8(0xc000, 1);
    io.port_write16(0xc011, 0xfffe);
    io.port_write32(0xc004, -1);
    expect(card.ioBar.accesses.slice(3)).toEqual([
      ['write', 0, 1, 1],
      ['write', 0x11, 2, 0xfffe],
      ['write', 4, 4, 0xffffffff],
    ]);
    placePorts(0xd000);
    expect([io.port_read8(0xc001), io.port_read8(0xd001)]).toEqual([0xff, 1]);
    config.write(4, 4, 0, 2);
    expect(same(before, [...ports])).toBe(true);
  });

  it("stays out of v86's ports", () => {
    placePorts(0x3e0);
    placePorts(0xafe0);
    expect(errors.map(({ error }) => error.message)).toEqual([
      'BAR 1 of test is not decoded at 0x3e0: it is not between ports 0x1000 and 0xffff',
      'BAR 1 of test is not decoded at 0xafe0: it overlaps port 0xafe0 of another device',
    ]);
  });
});
