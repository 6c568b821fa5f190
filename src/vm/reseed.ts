import { Buffer } from 'buffer/index.js';

/** Where an ELF program without sections is loaded, and its headers end. */
const base = 0x08048000;
const headerBytes = 52 + 32;

const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
const half = (value: number): number[] => [value & 0xff, value >>> 8];

/** i386 instructions that load a constant, and the ones below that need none. */
const eax = (value: number): number[] => [0xb8, ...word(value)];
const ebx = (value: number): number[] => [0xbb, ...word(value)];
const ecx = (value: number): number[] => [0xb9, ...word(value)];
const ebxFromEax = [0x89, 0xc3];
const systemCall = [0xcd, 0x80];

/** Linux's system calls on i386, and what they are given here. */
const call = { exit: 1, open: 5, ioctl: 54 };
const O_WRONLY = 1;
const RNDRESEEDCRNG = 0x5207;

/**
 * A program for i386 Linux that does one thing: it has the kernel draw a new random seed from its pool. Writing to
 * /dev/urandom only stirs the pool, and it may be a minute until the kernel looks there by itself; guests from one
 * snapshot would all draw the same numbers until then. Shells have no way to say it.
 */
export function reseedProgram(): Uint8Array {
  const code = (path: number): number[] => [
    ...[...eax(call.open), ...ebx(path), ...ecx(O_WRONLY), ...systemCall],
    ...[...ebxFromEax, ...eax(call.ioctl), ...ecx(RNDRESEEDCRNG), ...systemCall],
    ...[...ebxFromEax, ...eax(call.exit), ...systemCall],
  ];
  const start = base + headerBytes;
  const path = Buffer.from('/dev/urandom\0');
  const body = [...code(start + code(0).length), ...path];
  const size = headerBytes + body.length;
  const elfHeader = [
    ...[0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], // 32-bit, little-endian
    ...[...half(2), ...half(3), ...word(1)], // executable, for the 80386
    ...[...word(start), ...word(52), ...word(0), ...word(0)], // entry, program headers, no sections
    ...[...half(52), ...half(32), ...half(1), ...half(0), ...half(0), ...half(0)],
  ];
  // One segment: the whole file, to be read and executed.
  const segment = [1, 0, base, base, size, size, 5, 0x1000].flatMap(word);
  return Uint8Array.from([...elfHeader, ...segment, ...body]);
}
