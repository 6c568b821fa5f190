import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineFiles } from './emulator.js';
import { UserError } from './errors.js';
import { buildGuestImage, type GuestImageOptions } from './image/build.node.js';

/** Files of a person's own to boot instead of the guest image. */
export interface OwnFiles {
  /** A bzImage. */
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
}

interface Firmware {
  readonly bios: string;
  readonly vgaBios: string;
}

/** Where SeaBIOS is on machines that have it. */
const firmwareFolders = ['/usr/share/seabios', '/usr/share/qemu'];

/**
 * Reads what a guest starts from: the guest image, which is built when there is none, or a kernel and initial RAM disk of
 * one's own with the machine's SeaBIOS, else the image's.
 * @throws UserError when a file cannot be read, or the image not be built
 */
export async function machineFiles(own: OwnFiles, image: GuestImageOptions): Promise<MachineFiles> {
  if (own.initrd !== undefined && own.kernel === undefined) {
    throw new UserError('An initial RAM disk needs the kernel that it was made for; give that with --kernel.');
  }
  const paths =
    own.kernel === undefined
      ? await buildGuestImage(image)
      : { ...((await installedFirmware()) ?? (await buildGuestImage(image))), kernel: own.kernel, initrd: own.initrd };
  const [bios, vgaBios, kernel] = await Promise.all([read(paths.bios), read(paths.vgaBios), read(paths.kernel)]);
  return { bios, vgaBios, kernel, initrd: paths.initrd === undefined ? undefined : await read(paths.initrd) };
}

async function installedFirmware(): Promise<Firmware | undefined> {
  for (const folder of firmwareFolders) {
    const firmware = { bios: join(folder, 'bios.bin'), vgaBios: join(folder, 'vgabios-stdvga.bin') };
    try {
      await Promise.all(Object.values(firmware).map((path) => access(path)));
      return firmware;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      `The file ${path} cannot be read${code === 'ENOENT' ? ': there is none' : ` (${String(code)})`}.`,
    );
  }
}
