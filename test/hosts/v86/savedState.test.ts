import { expect, it } from 'vitest';

import { attachVirtioNet } from '../../../src/hosts/v86/attach.js';
import { pciBusOf } from '../../../src/hosts/v86/pciBus.js';
import type { AccessWidth } from '../../../src/virtio/registers.js';
import { common } from '../../support/pciDriver.js';
import { TestWire } from '../../support/wire.js';
import { ConfigAccess, TestFunction, testMachine } from './machine.js';

const bar = 0xd0000000;

it('gives a card its registers and BARs back, in the same machine and in another one', async () => {
  const first = await testMachine();
  const card = new TestFunction();
  pciBusOf(first.emulator).plug(card, { slot: 6 });
  const config = new ConfigAccess(first.cpu);
  config.write(6, 0x10, bar);
  config.write(6, 0x44, 0xcafe0000);
  config.write(6, 4, 2, 2);
  const state = await first.emulator.save_state();

  const second = await testMachine();
  pciBusOf(second.emulator).plug(new TestFunction(), { slot: 6 });
  config.write(6, 4, 0, 2);
  for (const { emulator, cpu } of [first, second]) {
    await emulator.restore_state(state);
    expect(new ConfigAccess(cpu).read(6, 0x44)).toBe(0xcafe0000);
    expect(cpu.read32s(bar + 4)).toBe(0x07060504);
  }
});

it('leaves a card that the saved machine did not have as after power-on', async () => {
  const { emulator, cpu } = await testMachine();
  const state = await emulator.save_state();
  const card = new TestFunction();
  pciBusOf(emulator).plug(card, { slot: 6 });
  const config = new ConfigAccess(cpu);
  config.write(6, 0x10, bar);
  config.write(6, 4, 2, 2);
  await emulator.restore_state(state);
  expect([card.resets, config.read(6, 4, 2), config.read(6, 0x10)]).toEqual([1, 0, 0]);
  expect(config.read(6, 0)).toBe(0x56781234);
  expect(cpu.read8(bar)).toBe(0xff);
});

it('lets a machine without the card take up a state that has it', async () => {
  const first = await testMachine();
  pciBusOf(first.emulator).plug(new TestFunction(), { slot: 6 });
  const state = await first.emulator.save_state();
  const second = await testMachine();
  await second.emulator.restore_state(state);
  expect(new ConfigAccess(second.cpu).read(6, 0)).toBe(0xffffffff);
});

it('tells of each card that is restored, when all are', async () => {
  const { emulator } = await testMachine();
  const bus = pciBusOf(emulator);
  const cards = [new TestFunction('first'), new TestFunction('second')];
  for (const card of cards) bus.plug(card);
  const state = await emulator.save_state();
  bus.plug(new TestFunction('third'));
  const seen: string[] = [];
  for (const card of cards) {
    const restore = card.restore.bind(card);
    card.restore = (saved) => {
      seen.push(`${card.name} restores`);
      restore(saved);
    };
  }
  bus.onRestored.on(({ name }) => seen.push(name));
  await emulator.restore_state(state);
  expect(seen).toEqual(['first restores', 'second restores', 'first', 'second']);
});

it('has a card that is in use announce its guest after a restore', async () => {
  const { emulator } = await testMachine();
  const { device, function: pciFunction } = attachVirtioNet(emulator);
  const wire = new TestWire(device);
  await emulator.restore_state(await emulator.save_state());
  expect(wire.sent).toEqual([]);
  const { driverFeatureSelect, driverFeature, deviceStatus } = common;
  const set = ([offset, width]: readonly [number, AccessWidth], value: number): void =>
    pciFunction.bars[0]!.write(offset, width, value);
  set(driverFeatureSelect, 1);
  set(driverFeature, 1); // VIRTIO_F_VERSION_1
  for (const bits of [3, 11, 15]) set(deviceStatus, bits);
  const state = await emulator.save_state();
  set(deviceStatus, 0);
  expect(wire.sent).toEqual([]);
  await emulator.restore_state(state);
  expect(wire.sent.map(({ bytes }) => [bytes[12], bytes[13]])).toEqual([[0x80, 0x35]]);
});
