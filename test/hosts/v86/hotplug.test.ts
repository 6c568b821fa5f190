import { beforeEach, describe, expect, it } from 'vitest';

import { UnplugError } from '../../../src/hosts/v86/errors.js';
import { pciBusOf, type PciBus } from '../../../src/hosts/v86/pciBus.js';
import type { PciFunction } from '../../../src/pci/function.js';
import { ConfigAccess, TestFunction, testMachine, type TestMachine } from './machine.js';

const ports = { up: 0xae00, down: 0xae04, eject: 0xae08, removable: 0xae0c };
const gpe = { status: 0xafe0, enable: 0xafe2 };
const hotplugEvent = 2;
const slot = 5;
const bar = 0xd0000000;

let test: TestMachine;
let bus: PciBus;
let card: TestFunction;
let unplugged: PciFunction[];

beforeEach(async () => {
  test = await testMachine();
  bus = pciBusOf(test.emulator);
  card = new TestFunction();
  unplugged = [];
  bus.onUnplugged.on((fn) => unplugged.push(fn));
});

const read = (port: number): number => test.cpu.io.port_read32(port) >>> 0;
const write = (port: number, value: number): void => test.cpu.io.port_write32(port, value | 0);
const status = (): number => test.cpu.io.port_read8(gpe.status);
/** Whether the SCI, interrupt 9, is asserted. */
const sci = (): boolean =>
  (new Uint8Array(test.machine.cpu.wasm_memory.buffer, test.cpu.get_pic_addr_slave() >>> 0)[11] & 2) !== 0;
/** Makes the machine one that has run. */
const started = async (): Promise<void> => test.emulator.restore_state(await test.emulator.save_state());
/** Whether a promise is settled by now. */
const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('a card that comes', () => {
  it('is an event, and a bit for its slot', () => {
    expect([read(ports.up), status()]).toEqual([0, 0]);
    bus.plug(card, { slot });
    expect([read(ports.up), status()]).toEqual([1 << slot, hotplugEvent]);
    expect(read(ports.down)).toBe(0);
  });

  it('is an event too for a guest from a saved state that had no such card', async () => {
    const state = await test.emulator.save_state();
    bus.plug(card, { slot });
    const with_ = await test.emulator.save_state();
    await test.emulator.restore_state(state);
    expect(status()).toBe(hotplugEvent);
    test.cpu.io.port_write8(gpe.status, hotplugEvent);
    await test.emulator.restore_state(with_);
    test.cpu.io.port_write8(gpe.status, hotplugEvent);
    await test.emulator.restore_state(await test.emulator.save_state());
    expect(status()).toBe(0);
  });
});

describe('the general-purpose events', () => {
  it('interrupt when they are enabled, until their status bit is cleared by writing 1 to it', () => {
    bus.plug(card, { slot });
    expect(sci()).toBe(false);
    test.cpu.io.port_write8(gpe.enable, 0xff);
    expect(sci()).toBe(true);
    test.cpu.io.port_write8(gpe.status, 0xfd);
    expect([status(), sci()]).toEqual([hotplugEvent, true]);
    test.cpu.io.port_write8(gpe.status, hotplugEvent);
    expect([status(), sci()]).toEqual([0, false]);
  });

  it('are not silenced by the timer of v86', () => {
    const acpi = test.machine.cpu.devices.acpi!;
    bus.plug(card, { slot });
    test.cpu.io.port_write8(gpe.enable, hotplugEvent);
    acpi.timer(performance.now());
    expect(sci()).toBe(true);
    test.cpu.io.port_write8(gpe.enable, 0);
    expect(sci()).toBe(false);
    acpi.timer(performance.now());
    expect(sci()).toBe(false);
  });

  it('are read and written in any width', () => {
    test.cpu.io.port_write16(gpe.enable, 0x1234);
    expect(read(gpe.status)).toBe(0x12340000);
    bus.plug(card, { slot });
    write(gpe.status, 0x56780002);
    expect(read(gpe.status)).toBe(0x56780000);
    expect(test.cpu.io.port_read8(gpe.enable + 1)).toBe(0x56);
  });
});

describe('a card that goes', () => {
  it('is asked for by an event, and gone when the guest ejects it', async () => {
    await started();
    bus.plug(card, { slot });
    const config = new ConfigAccess(test.cpu);
    config.write(slot, 0x10, bar);
    config.write(slot, 4, 2, 2);
    expect(test.cpu.read32s(bar + 4)).toBe(0x07060504);
    test.cpu.io.port_write8(gpe.status, hotplugEvent);

    const unplug = bus.unplug(slot);
    expect([read(ports.down), status()]).toEqual([1 << slot, hotplugEvent]);
    expect(await settled(unplug)).toBe(false);
    expect(config.read(slot, 0)).toBe(0x56781234);
    write(ports.eject, 1 << slot);
    await unplug;
    expect([read(ports.up), read(ports.down)]).toEqual([0, 0]);
    expect(config.read(slot, 0)).toBe(0xffffffff);
    expect(test.cpu.read8(bar)).toBe(0xff);
    expect(unplugged).toEqual([card]);
    expect(bus.plug(new TestFunction(), { slot })).toBe(slot);
  });

  it('releases its interrupt line', async () => {
    await started();
    bus.plug(card, { slot });
    new ConfigAccess(test.cpu).write(1, 0x60, 0x0b0b0b0b);
    card.host.interrupt(true);
    const slave = new Uint8Array(test.machine.cpu.wasm_memory.buffer, test.cpu.get_pic_addr_slave() >>> 0);
    expect(slave[11] & 8).toBe(8);
    write(ports.eject, 1 << slot);
    expect(slave[11] & 8).toBe(0);
  });

  it('may be ejected by the guest without being asked for', async () => {
    await started();
    bus.plug(card, { slot });
    write(ports.eject, 0xffffffff);
    expect(unplugged).toEqual([card]);
    expect(read(ports.up)).toBe(0);
    // Nothing of v86's own went with it.
    expect(new ConfigAccess(test.cpu).read(7, 0)).toBe(0x71138086);
    await expect(bus.unplug(slot)).rejects.toThrow('There is no card in PCI slot 5.');
  });

  it('goes at once while the guest has not run', async () => {
    bus.plug(card, { slot });
    await bus.unplug(slot);
    expect([unplugged, read(ports.up)]).toEqual([[card], 0]);
  });

  it('stays when the guest does not give it up in time', async () => {
    await started();
    bus.plug(card, { slot });
    const [first, second] = [bus.unplug(slot, { timeoutMs: 10 }), bus.unplug(slot)];
    await expect(first).rejects.toThrow(/^The guest did not give up the card in slot 5 in 10 ms: /);
    await expect(second).rejects.toBeInstanceOf(UnplugError);
    expect([read(ports.up), read(ports.down)]).toEqual([1 << slot, 0]);
    expect(unplugged).toEqual([]);
  });

  it('goes when the machine is reset in the meantime', async () => {
    await started();
    bus.plug(card, { slot });
    const unplug = bus.unplug(slot);
    test.machine.cpu.reboot_internal();
    await unplug;
    expect(unplugged).toEqual([card]);
  });

  it('is asked for again in a guest that is restored meanwhile', async () => {
    await started();
    bus.plug(card, { slot });
    test.cpu.io.port_write8(gpe.status, hotplugEvent);
    const state = await test.emulator.save_state();
    const unplug = bus.unplug(slot);
    await test.emulator.restore_state(state);
    expect([read(ports.down), status()]).toEqual([1 << slot, hotplugEvent]);
    write(ports.eject, 1 << slot);
    await unplug;
  });

  it('needs ACPI', async () => {
    const { emulator } = await testMachine({ acpi: false });
    pciBusOf(emulator).plug(card, { slot });
    await expect(pciBusOf(emulator).unplug(slot)).rejects.toThrow('make the emulator with acpi: true');
  });
});

it('lets cards come and go in all slots but those of v86', () => {
  bus.plug(card, { slot });
  const fixed = [0, 1, 7, 0x12, 0x1e].reduce((set, taken) => set | (1 << taken), 0);
  expect(read(ports.removable)).toBe(~fixed >>> 0);
});
