import { expect, it } from 'vitest';

import { DriverMemory } from '../../src/driver/index.js';
import { ramMachine } from './ram.js';

it('hands out zeroed pieces that do not overlap, and the same ones again', async () => {
  const machine = ramMachine(0x3000);
  const memory = new DriverMemory(machine);
  const first = await memory.store(Uint8Array.of(1, 2, 3));
  const second = await memory.allocate(16, 4096);
  expect([first, second]).toEqual([0x1000, 0x2000]);
  memory.free(first);
  expect(await memory.allocate(3, 1)).toBe(first);
  expect(await machine.readBytes(first, 3)).toEqual(new Uint8Array(3));
  await expect(memory.allocate(0x1000)).rejects.toThrow('RAM has no 4096 bytes left');
  expect(() => memory.free(0x1234)).toThrow('0x1234 was not allocated');
});
