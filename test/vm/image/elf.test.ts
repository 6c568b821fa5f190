import { describe, expect, it } from 'vitest';

import { interpreter, isElf32, neededLibraries, section } from '../../../src/vm/image/elf.js';
import { elfFile } from './elfFile.js';

describe('ELF files', () => {
  const program = elfFile({
    interpreter: '/lib/ld-linux.so.2',
    needed: ['libmnl.so.0', 'libc.so.6'],
    sections: { '.first': Buffer.from('one'), '.second': Buffer.from('two!') },
  });

  it('name the libraries they need, in order', () => {
    expect(neededLibraries(program)).toEqual(['libmnl.so.0', 'libc.so.6']);
  });

  it('name their program loader', () => {
    expect(interpreter(program)).toBe('/lib/ld-linux.so.2');
  });

  it('need nothing when static', () => {
    const fixed = elfFile({});
    expect(neededLibraries(fixed)).toEqual([]);
    expect(interpreter(fixed)).toBeUndefined();
  });

  it('have sections by name', () => {
    expect(Buffer.from(section(program, '.second') ?? []).toString()).toBe('two!');
    expect(section(program, '.third')).toBeUndefined();
  });

  it('are read wherever they lie in memory', () => {
    const shifted = new Uint8Array(program.length + 3);
    shifted.set(program, 3);
    expect(neededLibraries(shifted.subarray(3))).toEqual(['libmnl.so.0', 'libc.so.6']);
  });

  it('are told from scripts and from 64-bit files', () => {
    const wide = program.slice();
    wide[4] = 2;
    expect(isElf32(program)).toBe(true);
    expect(isElf32(wide)).toBe(false);
    expect(isElf32(new TextEncoder().encode('#!/bin/sh\nexec true\n'.padEnd(80)))).toBe(false);
    expect(isElf32(program.subarray(0, 10))).toBe(false);
    expect(() => neededLibraries(wide)).toThrow('32-bit');
  });
});
