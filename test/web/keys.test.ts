import { describe, expect, it } from 'vitest';

import { keyText, type Key } from '../../src/web/keys.js';

const plain = { ctrlKey: false, altKey: false, metaKey: false, shiftKey: false };

describe('keyText', () => {
  it.each<[string, Partial<Key> & { key: string }, string | undefined]>([
    ['a letter', { key: 'a' }, 'a'],
    ['a capital', { key: 'A', shiftKey: true }, 'A'],
    ['a character beyond 16 bits', { key: '𝄞' }, '𝄞'],
    ['Enter', { key: 'Enter' }, '\r'],
    ['Backspace', { key: 'Backspace' }, '\x7f'],
    ['an arrow', { key: 'ArrowUp' }, '\x1b[A'],
    ['Ctrl-C', { key: 'c', ctrlKey: true }, '\x03'],
    ['Ctrl-\\', { key: '\\', ctrlKey: true }, '\x1c'],
    ['Tab', { key: 'Tab' }, '\t'],
    ['Shift-Tab, which leaves', { key: 'Tab', shiftKey: true }, undefined],
    ['Ctrl-F5, which is the browser’s', { key: 'F5', ctrlKey: true }, undefined],
    ['Shift alone', { key: 'Shift', shiftKey: true }, undefined],
    ['a key of the system', { key: 'q', metaKey: true }, undefined],
    ['a key of a menu', { key: 'f', altKey: true }, undefined],
  ])('knows %s', (_, key, expected) => {
    expect(keyText({ ...plain, ...key })).toBe(expected);
  });
});
