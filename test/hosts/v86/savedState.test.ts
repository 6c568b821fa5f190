import { expect, it } from 'vitest';

import { pciBusOf } from '../../../src/hosts/v86/pciBus.js';
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
