import type { V86 } from 'v86';

import { hotplugBase, hotplugRegisters } from '../../../src/hosts/v86/hotplugPorts.js';
import { servePorts } from '../../../src/hosts/v86/ports.js';
import { machineOf } from '../../../src/hosts/v86/v86.js';
import { GuestConsole } from '../../../src/vm/console.js';
import {
  destroyEmulator,
  newEmulator,
  serialLine,
  type MachineFiles,
  type V86CardType,
} from '../../../src/vm/emulator.js';
import { defaultMemoryMiB, kernelCommandLine } from '../../../src/vm/guest.js';
import { Shell } from '../../../src/vm/shell.js';
import type { Machine } from './machine.js';

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
  const options = { files, memoryMiB: defaultMemoryMiB, commandLine: kernelCommandLine(), wasm };
  const emulator = await newEmulator(options, type);
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
