import { describe, expect, it } from 'vitest';

import { plainText, Screen } from '../../src/web/screen.js';

/** What is shown after these texts came one after the other. */
function shown(...texts: string[]): string {
  const screen = new Screen();
  for (const text of texts) screen.write(text);
  return screen.text;
}

describe('Screen', () => {
  it.each([
    ['text', ['one\r\ntwo'], 'one\ntwo'],
    ['a line that is written over', ['100 %\r 99'], ' 99 %'],
    ['a backspace and what it rubs out', ['ab\b \b'], 'a '],
    ['text past the end of a line', ['ab\x1b[3Cc'], 'ab   c'],
    ['tab stops of eight', ['a\tb'], 'a       b'],
    ['the rest of a line erased', ['abcd\b\b\x1b[K'], 'ab'],
    ['a whole line erased', ['abcd\x1b[2K\re'], 'e'],
    ['a line erased up to the cursor', ['abcd\b\b\x1b[1K'], '   d'],
    ['characters put in', ['ad\b\x1b[2@bc'], 'abcd'],
    ['characters taken out', ['abcd\r\x1b[2P'], 'cd'],
    ['the cursor sent to a column', ['abcd\x1b[2Gx'], 'axcd'],
    ['the screen cleared', ['one\r\ntwo\x1b[H\x1b[2Jthree'], 'three'],
    ['colours, modes and bells left out', ['\x1b[1;32mgreen\x1b[0m\x1b[?2004h\x07'], 'green'],
    ['a sequence in two pieces', ['ab\x1b', '[', '2', 'Dc'], 'cb'],
    ['an unknown sequence left out', ['a\x1b[3zb\x1b7c'], 'abc'],
    ["text that is the name of an object's method", ['toString'], 'toString'],
    ['no column before column 0', ['ab\x1b[0Gc'], 'cb'],
    ['no column before the first', ['a\x1b[9Db\b\b\bc'], 'c'],
  ])('shows %s', (_, texts, expected) => {
    expect(shown(...texts)).toBe(expected);
  });

  it('goes on in the next line after 1000 characters, wherever the guest wants to go', () => {
    expect(shown('x'.repeat(2500)).split('\n')).toEqual(['x'.repeat(1000), 'x'.repeat(1000), 'x'.repeat(500)]);
    const far = shown('\x1b[4000000000Ca\x1b[4000000000@b\x1b[4000000000@');
    expect(far).toBe(`\nab${' '.repeat(998)}`);
  });

  it('keeps the last 2000 lines', () => {
    const lines = shown(`${'line\r\n'.repeat(3000)}last`).split('\n');
    expect(lines).toHaveLength(2000);
    expect(lines.at(-1)).toBe('last');
  });
});

describe('plainText', () => {
  it('shows every line by itself', () => {
    expect(plainText('why\n  guest# \x1b[1mls\x1b[m\r\n  \x1b[H\x1b[2Jguest#')).toBe('why\n  guest# ls\nguest#');
  });
});
