import { expect, it } from 'vitest';

import { V86Memory } from '../../../src/hosts/v86/memory.js';
import { GuestMemoryError } from '../../../src/virtio/memory.js';
import { memoryBytes, testMachine } from './machine.js';

it('is the RAM that the processor sees, before and after WebAssembly memory grows', async () => {
  const { machine, cpu } = await testMachine();
  const memory = new V86Memory(machine.cpu);
  expect([memory.size, memory.bytes.length, memory.words16.length, memory.words32.length]).toEqual([
    memoryBytes,
    memoryBytes,
    memoryBytes / 2,
    memoryBytes / 4,
  ]);
  for (const value of [0x11223344, 0x55667788]) {
    cpu.write32(0x1000, value);
    const { bytes, words16, words32, data } = memory;
    expect([bytes[0x1000], words16[0x800], words32[0x400], data.getUint16(0x1001, true)]).toEqual([
      value & 0xff,
      value & 0xffff,
      value,
      (value >>> 8) & 0xffff,
    ]);
    memory.slice(0x1001, 2).set([0xaa, 0xbb]);
    expect(cpu.read32s(0x1000)).toBe((value & 0xff0000ff) | 0xbbaa00);
    machine.cpu.wasm_memory.grow(1);
  }
});

it('refuses ranges that are not all RAM', async () => {
  const memory = new V86Memory((await testMachine()).machine.cpu);
  expect(memory.slice(memoryBytes - 1, 1).length).toBe(1);
  expect(() => memory.slice(memoryBytes - 1, 2)).toThrow(GuestMemoryError);
  expect(() => memory.slice(-1, 1)).toThrow(GuestMemoryError);
});

it('tells the translator what was written', async () => {
  const { machine } = await testMachine();
  const told: [number, number][] = [];
  machine.cpu.jit_dirty_cache = (start, end) => told.push([start, end]);
  const memory = new V86Memory(machine.cpu);
  memory.written(0x1ffe, 4);
  memory.written(0x3000, 0);
  expect(told).toEqual([[0x1ffe, 0x2002]]);
});
