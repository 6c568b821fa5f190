import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { V86 } from 'v86';

import { machineOf, type V86Machine } from '../../../src/hosts/v86/v86.js';
import type { PciFunction, PciHost, RegisterSpace } from '../../../src/pci/function.js';
import { RegisterBlock, type AccessWidth } from '../../../src/virtio/registers.js';

export const memoryBytes = 8 << 20;

/** What of v86's processor only tests use. */
export interface TestCpu {
  read8(address: number): number;
  read16(address: number): number;
  read32s(address: number): number;
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;
  readonly in_hlt: ArrayLike<number>;
  get_pic_addr_slave(): number;
  readonly io: Record<'port_read8' | 'port_read16' | 'port_read32', (port: number) => number> &
    Record<'port_write8' | 'port_write16' | 'port_write32', (port: number, value: number) => void>;
}

export interface TestMachine {
  readonly emulator: V86;
  readonly machine: V86Machine;
  readonly cpu: TestCpu;
}

const wasm = new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve('v86/build/v86.wasm')));

/** A real v86, ready but not running; `program` is a multiboot image that it will run, else its firmware is empty. */
export async function testMachine(options: { acpi?: boolean; program?: Uint8Array } = {}): Promise<TestMachine> {
  const { acpi = true, program } = options;
  const emulator = new V86({
    wasm_fn: async (imports: WebAssembly.Imports) => (await WebAssembly.instantiate(wasm, imports)).exports,
    autostart: false,
    acpi,
    memory_size: memoryBytes,
    vga_memory_size: 1 << 20,
    net_device: { type: 'none' } as never,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    ...(program
      ? { multiboot: { buffer: program.slice().buffer } }
      : { bios: { buffer: new ArrayBuffer(0x10000) }, vga_bios: { buffer: new ArrayBuffer(0x8000) } }),
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', () => resolve()));
  const machine = machineOf(emulator);
  // v86 can't restore a state in which firmware has not yet written the BARs of an IDE controller without disks.
  const [primaryBars, ideController] = [[4, 5], 0x1e << 3];
  for (const word of primaryBars) machine.cpu.devices.pci.device_spaces[ideController]![word] = 0;
  return { emulator, machine, cpu: machine.cpu as unknown as TestCpu };
}

/** An access that a register space saw. */
export type Access = readonly [what: 'read' | 'write', offset: number, width: AccessWidth, value?: number];

/** Registers that remember what was done to them, and are the bytes 0, 1, 2, ... to a reader. */
export class Registers implements RegisterSpace {
  readonly accesses: Access[] = [];
  onAccess: ((access: Access) => void) | undefined;
  readonly kind: 'memory' | 'io';
  readonly size: number;

  constructor(kind: 'memory' | 'io', size: number) {
    this.kind = kind;
    this.size = size;
  }

  read(offset: number, width: AccessWidth): number {
    this.seen(['read', offset, width]);
    let value = 0;
    for (let i = 0; i < width; i++) value += ((offset + i) & 0xff) * 2 ** (8 * i);
    return value;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    this.seen(['write', offset, width, value]);
  }

  private seen(access: Access): void {
    this.accesses.push(access);
    this.onAccess?.(access);
  }
}

/** A card with a memory BAR, an I/O BAR and a register that counts its reads, which drives its host as a test says. */
export class TestFunction implements PciFunction {
  readonly name: string;
  readonly memoryBar = new Registers('memory', 0x40000);
  readonly ioBar = new Registers('io', 32);
  readonly bars: (Registers | undefined)[] = [this.memoryBar, this.ioBar];
  readonly config: RegisterBlock;
  readonly configWrites: [offset: number, width: AccessWidth, value: number][] = [];
  host!: PciHost;
  resets = 0;
  private reads = 0;

  constructor(name = 'test') {
    this.name = name;
    this.config = new RegisterBlock(256, [
      { name: 'ids', offset: 0, width: 4, reset: 0x5678_1234 },
      { name: 'command', offset: 4, width: 2, mask: 0x407, write: () => this.mapBars() },
      { name: 'bar0', offset: 0x10, width: 4, mask: 0xfffc0000, write: () => this.mapBars() },
      { name: 'bar1', offset: 0x14, width: 4, mask: 0xffffffe0, reset: 1, write: () => this.mapBars() },
      { name: 'interruptLine', offset: 0x3c, width: 1, mask: 0xff },
      { name: 'interruptPin', offset: 0x3d, width: 1, reset: 1 },
      { name: 'reads', offset: 0x40, width: 4, read: () => ++this.reads },
      ...([0x44, 0x45, 0x46, 0x47] as const).map((offset) => ({
        name: `byte.${offset}`,
        offset,
        width: 1 as const,
        mask: 0xff,
      })),
    ]);
    const write = this.config.write.bind(this.config);
    this.config.write = (offset, width, value) => {
      this.configWrites.push([offset, width, value]);
      write(offset, width, value);
    };
  }

  plug(host: PciHost): void {
    this.host = host;
  }

  reset(): void {
    this.resets++;
    this.config.reset();
    this.host.interrupt(false);
    this.mapBars();
  }

  save(): unknown {
    return this.config.save();
  }

  restore(state: unknown): void {
    this.config.restore(state as number[]);
    this.mapBars();
  }

  private mapBars(): void {
    const command = this.config.get('command');
    this.host.mapBar(0, command & 2 ? this.config.get('bar0') >>> 0 : undefined);
    this.host.mapBar(1, command & 1 ? (this.config.get('bar1') & ~3) >>> 0 : undefined);
  }
}

/** Configuration mechanism 1, as a guest uses it. */
export class ConfigAccess {
  private readonly io: TestCpu['io'];

  constructor(cpu: TestCpu) {
    this.io = cpu.io;
  }

  read(slot: number, register: number, width: AccessWidth = 4): number {
    this.address(slot, register);
    const port = 0xcfc + (register & 3);
    if (width === 4) return this.io.port_read32(port) >>> 0;
    return width === 2 ? this.io.port_read16(port) : this.io.port_read8(port);
  }

  write(slot: number, register: number, value: number, width: AccessWidth = 4): void {
    this.address(slot, register);
    const port = 0xcfc + (register & 3);
    if (width === 4) this.io.port_write32(port, value | 0);
    else if (width === 2) this.io.port_write16(port, value);
    else this.io.port_write8(port, value);
  }

  /** Writes the address port only, with bits other than the slot and register as given. */
  address(slot: number, register: number, bits = 0x80000000): void {
    this.io.port_write32(0xcf8, bits | (slot << 11) | (register & 0xfc));
  }
}

/** Waits until `condition` holds; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
