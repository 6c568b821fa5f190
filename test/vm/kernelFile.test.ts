import { expect, it } from 'vitest';

import { UserError } from '../../src/vm/errors.js';
import { checkKernel } from '../../src/vm/kernelFile.js';

/** A boot header as Debian's i386 kernels have it (protocol 2.15, command lines of up to 2047 characters). */
function kernel(change: (header: DataView) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const header = new DataView(bytes.buffer);
  header.setUint16(0x1fe, 0xaa55, true);
  header.setUint32(0x202, 0x53726448, true);
  header.setUint16(0x206, 0x020f, true);
  header.setUint8(0x211, 0x01);
  header.setUint32(0x238, 2047, true);
  change(header);
  return bytes;
}

const check = (bytes: Uint8Array | undefined, commandLine = '', memoryMiB = 256, initrd?: Uint8Array): void =>
  checkKernel({ bios: new Uint8Array(), vgaBios: new Uint8Array(), kernel: bytes, initrd }, commandLine, memoryMiB);

it('takes an i386 kernel, wherever it stands in its buffer', () => {
  const longer = new Uint8Array(0x1000);
  longer.set(kernel(), 3);
  expect(() => check(longer.subarray(3))).not.toThrow();
});

it.each<[string, () => void, RegExp]>([
  ['nothing', () => check(undefined), /no kernel to boot/],
  ['an empty file', () => check(new Uint8Array()), /not a bzImage/],
  ['another file', () => check(new Uint8Array(0x1000)), /not a bzImage/],
  ['a zImage', () => check(kernel((header) => header.setUint8(0x211, 0))), /not a bzImage/],
  ['a 64-bit kernel', () => check(kernel((header) => header.setUint16(0x236, 1, true))), /64-bit/],
  ['a long command line', () => check(kernel(), 'x'.repeat(2048)), /up to 2047 characters; this one has 2048/],
  ['too little memory', () => check(kernel(), '', 70, new Uint8Array(8 << 20)), /more than 72 MiB/],
])('refuses %s', (_, act, message) => {
  expect(act).toThrow(UserError);
  expect(act).toThrow(message);
});

it('takes a command line as long as can be', () => {
  expect(() => check(kernel(), 'x'.repeat(2047))).not.toThrow();
  const old = kernel((header) => header.setUint16(0x206, 0x0205, true));
  expect(() => check(old, 'x'.repeat(255))).not.toThrow();
  expect(() => check(old, 'x'.repeat(256))).toThrow(UserError);
});
