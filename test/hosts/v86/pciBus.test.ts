import { beforeEach, describe, expect, it } from 'vitest';

import { pciBusOf, type PciBusError } from '../../../src/hosts/v86/pciBus.js';
import { ConfigAccess, Registers, TestFunction, testMachine, type TestMachine } from './machine.js';

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
});

const plug = (slot?: number): number => pciBusOf(test.emulator).plug(card, { slot });

describe('slots', () => {
  it('are chosen from 3 on, past those that are taken', () => {
    expect(plug()).toBe(3);
    expect(pciBusOf(test.emulator).plug(new TestFunction('second'))).toBe(4);
    expect(pciBusOf(test.emulator).plug(new TestFunction('far'), { slot: 31 })).toBe(31);
  });

  it('refuse a second card, a number that is none, and one too many', () => {
    const bus = pciBusOf(test.emulator);
    plug(5);
    expect(() => plug(5)).toThrow('PCI slot 5 is taken by test: choose another, or none.');
    expect(() => plug(7)).toThrow('PCI slot 7 is taken by acpi: choose another, or none.');
    for (const slot of [-1, 32, 1.5, NaN]) expect(() => plug(slot)).toThrow(`There is no PCI slot ${slot}: `);
    const free = 32 - 6; // two bridges, ACPI, VGA, IDE and the card in slot 5
    const chosen = Array.from({ length: free }, () => bus.plug(new TestFunction()));
    expect(chosen.slice(-2)).toEqual([31, 2]); // the screen's, which no guest can empty, comes last
    expect(() => bus.plug(new TestFunction())).toThrow('All 32 PCI slots of this emulator are taken.');
  });

  it('refuse BARs that v86 cannot decode', () => {
    const withBar = (bar: Registers): TestFunction => Object.assign(new TestFunction(), { bars: [bar] });
    const bus = pciBusOf(test.emulator);
    expect(() => bus.plug(withBar(new Registers('memory', 0x1000)))).toThrow('BAR 0 is 4096 bytes of memory');
    expect(() => bus.plug(withBar(new Registers('memory', 0x60000)))).toThrow('must be a power of two');
    expect(() => bus.plug(withBar(new Registers('io', 512)))).toThrow('BAR 0 is 512 I/O ports');
    expect(plug()).toBe(3); // nothing of them stayed behind
  });
});

describe('configuration space', () => {
  it('is read in every width at every offset, when the access is made', () => {
    plug(4);
    expect(config.read(4, 0)).toBe(0x56781234);
    expect([0, 2].map((register) => config.read(4, register, 2))).toEqual([0x1234, 0x5678]);
    expect([0, 1, 2, 3].map((register) => config.read(4, register, 1))).toEqual([0x34, 0x12, 0x78, 0x56]);
    expect(config.read(4, 1, 2)).toBe(0x7812);
    config.address(4, 0x40);
    expect([1, 2, 3].map(() => test.cpu.io.port_read32(0xcfc))).toEqual([1, 2, 3]);
  });

  it('is written in every width at every offset', () => {
    plug(4);
    config.write(4, 0x44, 0x89abcdef);
    expect(config.read(4, 0x44)).toBe(0x89abcdef);
    config.write(4, 0x45, 0x11, 1);
    config.write(4, 0x46, 0x3322, 2);
    expect(config.read(4, 0x44)).toBe(0x332211ef);
    expect(card.configWrites.map(([offset, width]) => [offset, width])).toEqual([
      [0x44, 4],
      [0x45, 1],
      [0x46, 2],
    ]);
  });

  it('is not there for other functions, other buses and a disabled address', () => {
    plug(4);
    for (const bits of [0x80000000 | (1 << 8), 0x80000000 | (1 << 16), 0]) {
      config.address(4, 0x40, bits);
      expect(test.cpu.io.port_read32(0xcfc)).toBe(-1);
      test.cpu.io.port_write32(0xcfc, 0);
    }
    config.address(4, 0x40);
    expect(test.cpu.io.port_read16(0xcff)).toBe(0xffff); // beyond the addressed register
    expect(config.read(4, 0x40)).toBe(1);
    expect(card.configWrites).toEqual([]);
  });

  it("leaves v86's own devices as they were", () => {
    plug(4);
    expect(config.read(0, 0)).toBe(0x12378086);
    expect(config.read(7, 2, 2)).toBe(0x7113);
    expect(config.read(0x12, 0xb, 1)).toBe(3);
    config.write(1, 0x60, 10, 1);
    config.write(1, 0x62, 0x0b0b, 2);
    expect(config.read(1, 0x60)).toBe(0x0b0b000a);
  });

  it('ignores writes to empty slots, which v86 alone does not survive', async () => {
    const bare = await testMachine();
    expect(() => new ConfigAccess(bare.cpu).write(9, 4, 0xffff, 2)).toThrow(TypeError);
    plug(4);
    for (const width of [1, 2, 4] as const) config.write(9, 4, 0xff, width);
    expect(config.read(9, 0)).toBe(0xffffffff);
  });

  it('answers all ones for an access that throws, and reports it', () => {
    plug(4);
    card.config.read = () => {
      throw new Error('broken');
    };
    expect(config.read(4, 0)).toBe(0xffffffff);
    expect(config.read(4, 0, 2)).toBe(0xffff);
    expect(config.read(4, 0, 1)).toBe(0xff);
    expect(errors.map(({ slot, error }) => [slot, error.message])).toEqual(new Array(3).fill([4, 'broken']));
  });
});

describe('the hot-plug ports', () => {
  const ports = [0xae00, 0xae04, 0xae08, 0xae0c];

  it('say that no slot is to be emptied, of which v86 alone says the contrary', async () => {
    const { cpu } = await testMachine();
    expect(ports.map((port) => cpu.io.port_read32(port))).toEqual([-1, -1, -1, -1]);
    plug();
    expect(ports.slice(1, 3).map((port) => test.cpu.io.port_read32(port))).toEqual([0, 0]);
    expect(test.cpu.io.port_read8(0xae03)).toBe(0);
  });

  it('are not there without ACPI', async () => {
    const { cpu, emulator } = await testMachine({ acpi: false });
    pciBusOf(emulator);
    expect(cpu.io.port_read32(0xae00)).toBe(-1);
  });
});

describe('a reset of the machine', () => {
  it('resets the card', () => {
    plug(4);
    config.write(4, 4, 0x0007, 2);
    test.emulator.restart();
    expect([card.resets, config.read(4, 4, 2)]).toEqual([1, 0]);
  });
});
