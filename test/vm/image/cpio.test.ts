import { describe, expect, it } from 'vitest';

import { packCpio, type Tree } from '../../../src/vm/image/cpio.js';

interface Member {
  name: string;
  inode: number;
  mode: number;
  links: number;
  time: number;
  major: number;
  minor: number;
  data: string;
}

/** Reads a newc archive as the kernel's init/initramfs.c describes it, sharing nothing with the writer. */
function readCpio(archive: Uint8Array): Member[] {
  const text = Buffer.from(archive).toString('latin1');
  const members: Member[] = [];
  let at = 0;
  const align = (): void => {
    while (at % 4 !== 0) {
      expect(text.charCodeAt(at)).toBe(0);
      at += 1;
    }
  };
  for (;;) {
    expect(text.slice(at, at + 6)).toBe('070701');
    const field = (index: number): number => {
      const digits = text.slice(at + 6 + index * 8, at + 14 + index * 8);
      expect(digits).toMatch(/^[0-9a-f]{8}$/i);
      return Number.parseInt(digits, 16);
    };
    const [inode, mode, user, group, links, time, size] = [0, 1, 2, 3, 4, 5, 6].map(field) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const [major, minor, nameSize, check] = [9, 10, 11, 12].map(field) as [number, number, number, number];
    expect([user, group, check]).toEqual([0, 0, 0]);
    at += 110;
    const name = text.slice(at, at + nameSize - 1);
    expect(text.charCodeAt(at + nameSize - 1)).toBe(0);
    at += nameSize;
    align();
    const data = text.slice(at, at + size);
    at += size;
    align();
    if (name === 'TRAILER!!!') break;
    members.push({ name, inode, mode, links, time, major, minor, data });
  }
  expect(at).toBe(archive.length);
  return members;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const tree: Tree = new Map([
  ['usr/bin/tool', { kind: 'file', mode: 0o755, data: bytes('#!/bin/sh\n') }],
  ['init', { kind: 'file', mode: 0o700, data: bytes('odd') }],
  ['bin', { kind: 'symlink', target: 'usr/bin' }],
  ['dev/console', { kind: 'device', mode: 0o600, major: 5, minor: 1 }],
  ['tmp', { kind: 'directory', mode: 0o777 }],
]);

describe('packCpio', () => {
  const members = readCpio(packCpio(tree));
  const member = (name: string): Member | undefined => members.find((candidate) => candidate.name === name);

  it('holds every file with its type, mode and contents', () => {
    expect(member('usr/bin/tool')).toMatchObject({ mode: 0o100755, data: '#!/bin/sh\n', links: 1 });
    expect(member('init')).toMatchObject({ mode: 0o100700, data: 'odd' });
    expect(member('bin')).toMatchObject({ mode: 0o120777, data: 'usr/bin' });
    expect(member('tmp')).toMatchObject({ mode: 0o040777, data: '', links: 2 });
    expect(member('dev/console')).toMatchObject({ mode: 0o020600, major: 5, minor: 1, data: '' });
  });

  it('adds the folders that paths imply, before what is in them', () => {
    expect(members.map(({ name }) => name)).toEqual([
      'bin',
      'dev',
      'dev/console',
      'init',
      'tmp',
      'usr',
      'usr/bin',
      'usr/bin/tool',
    ]);
    expect(member('usr')).toMatchObject({ mode: 0o040755 });
  });

  it('gives every member an inode of its own, and no time', () => {
    expect(new Set(members.map(({ inode }) => inode)).size).toBe(members.length);
    expect(members.every(({ time }) => time === 0)).toBe(true);
  });

  it('makes the same archive of the same tree in any order', () => {
    expect(packCpio(new Map([...tree].reverse()))).toEqual(packCpio(tree));
  });

  it('counts a name in bytes', () => {
    const named: Tree = new Map([['ä', { kind: 'file', mode: 0o644, data: bytes('x') }]]);
    const [only] = readCpio(packCpio(named));
    expect(Buffer.from(only?.name ?? '', 'latin1').toString('utf8')).toBe('ä');
  });
});
