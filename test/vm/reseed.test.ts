import { expect, it } from 'vitest';

import { reseedProgram } from '../../src/vm/reseed.js';

const program = reseedProgram();
const view = new DataView(program.buffer);
const word = (offset: number): number => view.getUint32(offset, true);

it('is an ELF program for i386 of one segment, which is the whole file', () => {
  expect([...program.subarray(0, 7)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  expect([view.getUint16(16, true), view.getUint16(18, true)]).toEqual([2, 3]);
  const segment = word(28);
  expect([word(segment), word(segment + 4)]).toEqual([1, 0]);
  expect([word(segment + 16), word(segment + 20)]).toEqual([program.length, program.length]);
});

it('starts at its first instruction and opens /dev/urandom', () => {
  const base = word(word(28) + 8);
  const entry = word(24) - base;
  expect(program[entry]).toBe(0xb8); // mov eax, 5
  expect(word(entry + 1)).toBe(5);
  const path = word(entry + 6) - base;
  expect(new TextDecoder().decode(program.subarray(path))).toBe('/dev/urandom\0');
});
