import { V86 } from 'v86';
import { expect, it } from 'vitest';

import { AttachError } from '../../../src/hosts/v86/errors.js';
import { pciBusOf } from '../../../src/hosts/v86/pciBus.js';
import { testMachine } from './machine.js';

it('refuses what is not v86', () => {
  for (const other of [{}, null, 'v86']) {
    expect(() => pciBusOf(other as never)).toThrow(/^This is not a v86 emulator: it has no add_listener/);
  }
});

it('refuses an emulator that is not ready', () => {
  const emulator = new V86({ wasm_fn: () => new Promise(() => undefined), autostart: false });
  expect(() => pciBusOf(emulator)).toThrow(AttachError);
  expect(() => pciBusOf(emulator)).toThrow(
    /^The emulator is not ready yet: attach in a listener of its 'emulator-ready'/,
  );
});

it('names what another v86 lacks', async () => {
  const { emulator, machine } = await testMachine();
  Object.assign(machine.cpu, { get_apic_addr: undefined });
  expect(() => pciBusOf(emulator)).toThrow(
    'This v86 has no function v86.cpu.get_apic_addr: the version that works is 0.5.462.',
  );
});

it('has one bus for each emulator', async () => {
  const { emulator } = await testMachine();
  expect(pciBusOf(emulator)).toBe(pciBusOf(emulator));
  expect(pciBusOf((await testMachine()).emulator)).not.toBe(pciBusOf(emulator));
});
