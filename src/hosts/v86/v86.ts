import type { V86 } from 'v86';

import { AttachError } from './errors.js';

export type { V86 };

/** The parts of v86 0.5.462 that this plug-in uses. The release build keeps these names. */
export interface V86Machine {
  readonly cpu: V86Cpu;
  /** Between `run` and `stop`. */
  readonly running: boolean;
}

export interface V86Cpu {
  readonly io: V86Io;
  readonly devices: { readonly pci: V86Pci; readonly acpi?: V86Acpi | undefined };
  /** Holds guest memory and the interrupt controllers; its buffer is another one after it has grown. */
  readonly wasm_memory: WebAssembly.Memory;
  /** Size of guest memory in bytes, in element 0. */
  readonly memory_size: ArrayLike<number>;
  /** Guest memory. Every access makes a new view, so only its place is asked for. */
  readonly mem8: { readonly byteOffset: number };
  /** EFLAGS in element 0; a write reaches the processor. */
  readonly flags: { 0: number };
  /** Where the local APIC's state is in `wasm_memory`. */
  get_apic_addr(): number;
  /** Executes instructions for about a millisecond, or until a halt; answers when to be called again. Looked up at each use. */
  main_loop: () => number;
  /** Called by it before the first of these instructions, and after each 100,003 of them. Looked up at each use. */
  run_hardware_timers: (acpi: boolean, now: number) => number;
  /** Takes the highest pending interrupt, if the processor accepts interrupts; ends a halt. */
  handle_irqs(): void;
  /** Asserts an input (0 to 15) of the PICs and the IO-APIC, then calls `handle_irqs`. */
  device_raise_irq(irq: number): void;
  /** Releases an input, then calls `handle_irqs`. */
  device_lower_irq(irq: number): void;
  /** Throws away the code that was translated from these bytes. */
  jit_dirty_cache(start: number, end: number): void;
  /** Handlers of memory accesses by block of 128 KiB, undefined where memory is RAM. */
  readonly memory_map_read8: (V86MemoryRead | undefined)[];
  readonly memory_map_write8: (V86MemoryWrite | undefined)[];
  readonly memory_map_read32: (V86MemoryRead | undefined)[];
  readonly memory_map_write32: (V86MemoryWrite | undefined)[];
  /** The machine's reset button; looked up here at each use, and so are the two below. */
  reboot_internal: () => void;
  /** Everything `save_state` keeps; numbers, strings, arrays and typed arrays can be in it. */
  get_state: () => unknown[];
  set_state: (state: unknown[]) => void;
}

/** Addresses are 32 bits wide, and come as signed numbers. */
export type V86MemoryRead = (address: number) => number;
export type V86MemoryWrite = (address: number, value: number) => void;

export interface V86Io {
  /** By port number; looked up at each access. */
  readonly ports: V86Port[];
  /** What stands in `ports` where there is no device. */
  readonly empty_port_read8: V86Port['read8'];
  readonly empty_port_write: V86Port['write8'];
  /** Both in multiples of 128 KiB. */
  mmap_register(
    address: number,
    size: number,
    read8: V86MemoryRead,
    write8: V86MemoryWrite,
    read32: V86MemoryRead,
    write32: V86MemoryWrite,
  ): void;
}

/** One I/O port; its functions are called with `device` as `this`. */
export interface V86Port {
  read8: (this: unknown, port: number) => number;
  read16: (this: unknown, port: number) => number;
  read32: (this: unknown, port: number) => number;
  write8: (this: unknown, value: number) => void;
  write16: (this: unknown, value: number) => void;
  write32: (this: unknown, value: number) => void;
  device: unknown;
}

/** Made with `acpi: true`. */
export interface V86Acpi {
  /** Status and enable bits of the general-purpose events, two bytes each; another array after `set_state`. */
  readonly gpe: Uint8Array;
  /** The same of the power management timer, in bit 0. */
  readonly pm1_status: number;
  readonly pm1_enable: number;
  /** Looked up at each use. */
  timer: (now: number) => number;
}

export interface V86Pci {
  /** What was last written to port 0xCF8. */
  readonly pci_addr: ArrayLike<number>;
  /** By slot * 8 + function number, as `device_spaces` is. */
  readonly devices: (V86PciDevice | undefined)[];
  /** Configuration spaces of v86's own devices, in words of 32 bits. */
  readonly device_spaces: (Int32Array | undefined)[];
  /** Configuration space of the ISA bridge; bytes 0x60 to 0x63 say which interrupt each of the four lines is. */
  readonly isa_bridge_space8: Uint8Array;
  register_device(device: V86PciDevice): unknown;
  /** Looked up here at each use, and so is `lower_irq`. */
  raise_irq: (devfn: number) => void;
  lower_irq: (devfn: number) => void;
}

export interface V86PciDevice {
  readonly pci_id: number;
  /** The first bytes of its configuration space, at least 64. */
  readonly pci_space: readonly number[];
  readonly pci_bars: readonly ({ readonly size: number; readonly original_bar?: number } | undefined)[];
  readonly pci_rom_address?: number;
  readonly pci_rom_size?: number;
  readonly name: string;
}

type Needed = readonly (readonly [path: string, type: 'function' | 'object' | 'boolean' | 'number'])[];

/** What of v86's ACPI device is needed where there is one. */
const neededOfAcpi: Needed = [
  ['cpu.devices.acpi.gpe', 'object'],
  ['cpu.devices.acpi.pm1_status', 'number'],
  ['cpu.devices.acpi.pm1_enable', 'number'],
  ['cpu.devices.acpi.timer', 'function'],
];

/** Everything that `machineOf` needs to find, as paths from the machine. */
const needed: Needed = [
  ['running', 'boolean'],
  ['cpu.io.ports', 'object'],
  ['cpu.io.empty_port_read8', 'function'],
  ['cpu.io.empty_port_write', 'function'],
  ['cpu.io.mmap_register', 'function'],
  ['cpu.devices.pci.pci_addr', 'object'],
  ['cpu.devices.pci.devices', 'object'],
  ['cpu.devices.pci.device_spaces', 'object'],
  ['cpu.devices.pci.isa_bridge_space8', 'object'],
  ['cpu.devices.pci.register_device', 'function'],
  ['cpu.devices.pci.raise_irq', 'function'],
  ['cpu.devices.pci.lower_irq', 'function'],
  ['cpu.wasm_memory', 'object'],
  ['cpu.memory_size', 'object'],
  ['cpu.mem8', 'object'],
  ['cpu.flags', 'object'],
  ['cpu.get_apic_addr', 'function'],
  ['cpu.main_loop', 'function'],
  ['cpu.run_hardware_timers', 'function'],
  ['cpu.handle_irqs', 'function'],
  ['cpu.device_raise_irq', 'function'],
  ['cpu.device_lower_irq', 'function'],
  ['cpu.jit_dirty_cache', 'function'],
  ['cpu.memory_map_read8', 'object'],
  ['cpu.memory_map_write8', 'object'],
  ['cpu.memory_map_read32', 'object'],
  ['cpu.memory_map_write32', 'object'],
  ['cpu.reboot_internal', 'function'],
  ['cpu.get_state', 'function'],
  ['cpu.set_state', 'function'],
];

/**
 * The machine inside an emulator.
 * @throws AttachError when it is not v86, not the v86 that this plug-in knows, or not ready yet
 */
export function machineOf(emulator: V86): V86Machine {
  if (typeof find(emulator, 'add_listener') !== 'function') {
    throw new AttachError('This is not a v86 emulator: it has no add_listener; make one with new V86(...).');
  }
  const machine = find(emulator, 'v86');
  if (machine === undefined || (find(machine, 'cpu') !== undefined && find(machine, 'cpu.io') === undefined)) {
    throw new AttachError(
      "The emulator is not ready yet: attach in a listener of its 'emulator-ready' event, or later.",
    );
  }
  const acpi = find(machine, 'cpu.devices.acpi') !== undefined;
  for (const [path, type] of acpi ? [...needed, ...neededOfAcpi] : needed) {
    if (typeof find(machine, path) !== type) {
      throw new AttachError(`This v86 has no ${type} v86.${path}: the version that works is 0.5.462.`);
    }
  }
  return machine as V86Machine;
}

function find(from: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, name) => (typeof at === 'object' && at ? Reflect.get(at, name) : undefined), from);
}
