import { V86 } from 'v86';

import { hotplugBase, hotplugRegisters } from '../../../src/hosts/v86/hotplugPorts.js';
import { servePorts } from '../../../src/hosts/v86/ports.js';
import { machineOf } from '../../../src/hosts/v86/v86.js';
import { GuestConsole } from '../../../src/vm/console.js';
import { destroyEmulator, serialLine, translatePageByPage, type MachineFiles } from '../../../src/vm/emulator.js';
import { defaultMemoryMiB, kernelCommandLine } from '../../../src/vm/guest.js';
import { Shell } from '../../../src/vm/shell.js';
import type { Machine } from './machine.js';

/** The network cards that v86 brings itself. */
export type V86CardType = 'virtio' | 'ne2k';

const bootMs = 300_000;

/**
 * Boots a guest with one of v86's own cards. It is the machine that this project's guests have, but for the card: the
 * card has to be there from the start, so there is no snapshot to take it from.
 */
export async function bootWithV86Card(
  type: V86CardType,
  files: MachineFiles,
  wasm: WebAssembly.Module,
): Promise<Machine & { readonly emulator: V86 }> {
  const emulator = new V86({
    wasm_fn: async (imports) => (await WebAssembly.instantiate(wasm, imports)).exports,
    bios: image(files.bios),
    vga_bios: image(files.vgaBios),
    bzimage: files.kernel && image(files.kernel),
    initrd: files.initrd && image(files.initrd),
    cmdline: kernelCommandLine(),
    memory_size: defaultMemoryMiB << 20,
    vga_memory_size: 1 << 20,
    acpi: true,
    net_device: { type },
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
  });
  await new Promise((resolve) => emulator.add_listener('emulator-ready', resolve));
  translatePageByPage(emulator);
  // Without these ports Linux would remove the card. The rest of the plug-in stays out of the way of v86's card.
  const registers = hotplugRegisters({ up: () => 0, down: () => 0, removable: () => 0, eject: () => undefined });
  servePorts(machineOf(emulator).cpu.io, hotplugBase, registers.size, registers);

  const console = new GuestConsole(serialLine(emulator));
  const shell = new Shell(console);
  await emulator.run();
  await console.waitFor(/virtio-mq guest ready[^]*[#$] $/, { timeoutMs: bootMs });
  await shell.quiet();
  return {
    emulator,
    pause: async () => {
      await emulator.stop();
    },
    resume: async () => {
      await emulator.run();
    },
    run: (command, options) => shell.run(command, options),
    async stop() {
      console.close('The guest was stopped.');
      await destroyEmulator(emulator);
    },
  };
}

/** Joins the cards of two emulators: each gets at once what the other sends. */
export function joinV86Cards(a: V86, b: V86): void {
  pipe(a, b);
  pipe(b, a);
}

function pipe(from: V86, to: V86): void {
  const { bus } = to as unknown as { bus: { send(event: string, value: unknown): void } };
  from.add_listener('net0-send', (frame: Uint8Array) => bus.send('net0-receive', frame));
}

/** A buffer of its own, since v86 writes into the kernel's header; in whole words, as v86 reads that. */
function image(bytes: Uint8Array): { buffer: ArrayBuffer } {
  const copy = new Uint8Array((bytes.length + 3) & ~3);
  copy.set(bytes);
  return { buffer: copy.buffer };
}
