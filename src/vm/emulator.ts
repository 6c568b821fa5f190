import { V86 } from 'v86';

import { pciBusOf } from '../hosts/v86/pciBus.js';
import { machineOf, type V86Cpu } from '../hosts/v86/v86.js';
import type { SerialLine } from './console.js';

/** What a machine is started from. Nothing here is changed. */
export interface MachineFiles {
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  /** A bzImage. A machine that is restored from a snapshot needs neither this nor the next. */
  readonly kernel?: Uint8Array | undefined;
  readonly initrd?: Uint8Array | undefined;
}

export interface MachineOptions {
  readonly files: MachineFiles;
  readonly memoryMiB: number;
  /** The kernel's. */
  readonly commandLine: string;
  /** v86's own WebAssembly, compiled once for all machines. */
  readonly wasm: WebAssembly.Module;
}

/** The screen's memory, in MiB; nobody looks at the screen, and a snapshot holds all of it. */
const screenMiB = 1;

/** The network cards that v86 brings itself. */
export type V86CardType = 'virtio' | 'ne2k';

/** Makes an emulator, with the ports that let Linux keep its PCI devices. It stands still until `run`. */
export async function createEmulator(options: MachineOptions): Promise<V86> {
  const emulator = await newEmulator(options, 'none');
  pciBusOf(emulator);
  return emulator;
}

/** The machine of every guest, but for the plug-in of this package. It stands still until `run`. */
export async function newEmulator(options: MachineOptions, card: V86CardType | 'none'): Promise<V86> {
  const { files, memoryMiB, commandLine, wasm } = options;
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  const emulator = new V86({
    wasm_fn: async (imports) => {
      try {
        return (await WebAssembly.instantiate(wasm, imports)).exports;
      } catch (error) {
        fail(error);
        throw error;
      }
    },
    bios: image(files.bios),
    vga_bios: image(files.vgaBios),
    bzimage: files.kernel && image(files.kernel),
    initrd: files.initrd && image(files.initrd),
    cmdline: commandLine,
    memory_size: memoryMiB << 20,
    vga_memory_size: screenMiB << 20,
    acpi: true,
    // v86's types do not know 'none'.
    net_device: { type: card as 'virtio' },
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
  });
  await Promise.race([new Promise((resolve) => emulator.add_listener('emulator-ready', resolve)), failed]);
  translatePageByPage(emulator);
  return emulator;
}

/** The part of v86 that sets how it translates. */
interface Translator extends V86Cpu {
  set_jit_config: (setting: number, value: number) => void;
}

/** v86's number for the setting: from how many pages of 4 KiB one WebAssembly module may be translated; 3 by itself. */
const pagesOfModule = 1;

/**
 * Has v86 translate each page of the guest's code by itself. With modules of several pages the engine needs twice as much
 * time to compile them, a guest half as much again to boot, and twice as long to come up to speed; it is no faster then.
 */
function translatePageByPage(emulator: V86): void {
  (machineOf(emulator).cpu as Translator).set_jit_config(pagesOfModule, 1);
}

/** A buffer of its own, since v86 writes into the kernel's header; in whole words, as v86 reads that. */
function image(bytes: Uint8Array): { buffer: ArrayBuffer } {
  const copy = new Uint8Array((bytes.length + 3) & ~3);
  copy.set(bytes);
  return { buffer: copy.buffer };
}

/** The first serial port. Bytes are handed on together, after each of the emulator's turns. */
export function serialLine(emulator: V86): SerialLine {
  return {
    send: (bytes) => emulator.serial_send_bytes(0, bytes),
    onBytes(listener) {
      let collected: number[] = [];
      const flush = (): void => {
        const bytes = Uint8Array.from(collected);
        collected = [];
        listener(bytes);
      };
      const collect = (byte: number): void => {
        if (collected.push(byte) === 1) queueMicrotask(flush);
      };
      emulator.add_listener('serial0-output-byte', collect);
      return () => emulator.remove_listener('serial0-output-byte', collect);
    },
  };
}

/** The parts of v86 that only a restore needs. */
interface Restorable extends V86Cpu {
  unpack_memory: (pages: { get(page: number): boolean | number }, packed: Uint8Array) => void;
}

const pageBytes = 4096;

/** Below this the firmware has been at work when a machine has just been made; all above is zero. */
const firmwareEnd = 1 << 20;

/**
 * Puts a machine that was just made, and has not run yet, into a saved state.
 * v86 would first write zeros to all of guest memory; as it is zero already, that would only cost time and host memory.
 * @throws Error when the state is not one of v86's, or not of a machine like this
 */
export async function restoreState(emulator: V86, state: ArrayBuffer): Promise<void> {
  const cpu = machineOf(emulator).cpu as Restorable;
  const unpack = cpu.unpack_memory;
  cpu.unpack_memory = (pages, packed) => {
    const memory = new Uint8Array(cpu.wasm_memory.buffer, cpu.mem8.byteOffset, cpu.memory_size[0]);
    memory.fill(0, 0, firmwareEnd);
    const count = memory.length / pageBytes;
    let from = 0;
    for (let page = 0; page < count; page++) {
      const first = page;
      while (page < count && pages.get(page)) page++;
      const length = (page - first) * pageBytes;
      if (length > 0) memory.set(packed.subarray(from, from + length), first * pageBytes);
      from += length;
    }
  };
  try {
    await emulator.restore_state(state);
  } finally {
    cpu.unpack_memory = unpack;
  }
}

/** Stops the emulator for good and lets go of what it holds; nothing of it keeps a process alive afterwards. */
export async function destroyEmulator(emulator: V86): Promise<void> {
  await emulator.stop();
  await emulator.destroy();
}
