import type { MachineFiles } from './emulator.js';
import { UserError } from './errors.js';

/** Fields of a Linux kernel's boot header (Documentation/x86/boot.rst), by their offset in the file. */
const bootFlag = { offset: 0x1fe, value: 0xaa55 };
const magic = { offset: 0x202, value: 0x53726448 };
const protocol = 0x206;
const loadFlags = { offset: 0x211, loadedHigh: 0x01 };
const extendedLoadFlags = { offset: 0x236, since: 0x20c, kernel64: 0x01 };
const commandLineSize = { offset: 0x238, since: 0x206, before: 255 };
const headerEnd = 0x264;

/** v86 puts the initial RAM disk here, whatever the kernel; what is below is the kernel's. */
const initrdAddress = 64 << 20;

/**
 * Checks that v86 can start a kernel; without it the guest would stay silent.
 * @throws UserError
 */
export function checkKernel({ kernel, initrd }: MachineFiles, commandLine: string, memoryMiB: number): void {
  if (!kernel) throw new UserError('There is no kernel to boot; give one with --kernel.');
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const isKernel =
    kernel.length >= headerEnd &&
    view.getUint16(bootFlag.offset, true) === bootFlag.value &&
    view.getUint32(magic.offset, true) === magic.value;
  if (!isKernel || !(kernel[loadFlags.offset] & loadFlags.loadedHigh)) {
    throw new UserError('The kernel is not a bzImage; give the file that Debian installs as /boot/vmlinuz-….');
  }
  const version = view.getUint16(protocol, true);
  const flags = version >= extendedLoadFlags.since ? view.getUint16(extendedLoadFlags.offset, true) : 0;
  if (flags & extendedLoadFlags.kernel64) {
    throw new UserError('The kernel is for 64-bit processors; v86 is a 32-bit one, so give an i386 kernel.');
  }
  const longest =
    version >= commandLineSize.since ? view.getUint32(commandLineSize.offset, true) : commandLineSize.before;
  if (commandLine.length > longest) {
    throw new UserError(
      `The kernel takes a command line of up to ${longest} characters; this one has ${commandLine.length}.`,
    );
  }
  const least = Math.ceil((initrdAddress + (initrd?.length ?? 0)) / (1 << 20));
  if (least >= memoryMiB) {
    throw new UserError(
      `The guest needs more than ${least} MiB of memory for this initial RAM disk; give it more with --memory.`,
    );
  }
}
