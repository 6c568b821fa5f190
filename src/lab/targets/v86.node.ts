import { setTimeout as sleep } from 'node:timers/promises';
import { V86 } from 'v86';

import type { Width } from '../../driver/machine.js';
import { writePciConfig } from '../../driver/pciConfig.js';
import { attachVirtioNet, type VirtioNetCard, type VirtioNetOptions } from '../../hosts/v86/index.js';
import { V86Memory } from '../../hosts/v86/memory.js';
import { machineOf } from '../../hosts/v86/v86.js';
import { v86Module } from '../../vm/v86.node.js';
import { CardWire } from './cardWire.js';
import { attempt, machineFrom, type ImmediateMachine } from './immediate.js';
import type { Target, Wire, WireFrame } from './target.js';

const memoryBytes = 32 << 20;

/** Registers of v86's ISA bridge that say which interrupt each of the bus's four lines is (PIRQRC). */
const isaBridge = { bus: 0, slot: 1, function: 0 };
const routes = 0x60;
const lineInterrupts = [5, 9, 10, 11] as const;

/** What of v86's processor stands in for a program's instructions. */
interface Instructions {
  read8(address: number): number;
  read16(address: number): number;
  read32s(address: number): number;
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;
  device_raise_irq: (irq: number) => void;
  device_lower_irq: (irq: number) => void;
  readonly io: Record<'port_read8' | 'port_read16' | 'port_read32', (port: number) => number> &
    Record<'port_write8' | 'port_write16' | 'port_write32', (port: number, value: number) => void>;
}

const readPort = { 1: 'port_read8', 2: 'port_read16', 4: 'port_read32' } as const;
const writePort = { 1: 'port_write8', 2: 'port_write16', 4: 'port_write32' } as const;
const read = { 1: 'read8', 2: 'read16', 4: 'read32s' } as const;
const write = { 1: 'write8', 2: 'write16', 4: 'write32' } as const;

/** A v86 whose processor does not run: its ports and its memory bus are used from outside. Its time is real time. */
class StoppedV86 implements ImmediateMachine {
  readonly name: string;
  readonly ram = { start: 0x100000, end: memoryBytes };
  readonly memoryWindow = { start: 0xd0000000, end: 0xe0000000 };
  readonly portWindow = { start: 0xc000, end: 0xd000 };
  private readonly cpu: Instructions;
  private readonly memory: V86Memory;
  private readonly asserted = new Set<number>();

  constructor(name: string, emulator: V86) {
    const { cpu } = machineOf(emulator);
    this.name = name;
    this.memory = new V86Memory(cpu);
    this.cpu = cpu as unknown as Instructions;
    // No processor takes the interrupts; it is enough to know of them.
    this.cpu.device_raise_irq = (irq) => this.asserted.add(irq);
    this.cpu.device_lower_irq = (irq) => this.asserted.delete(irq);
  }

  readPort(port: number, width: Width): number {
    return unsigned(this.cpu.io[readPort[width]](port), width);
  }

  writePort(port: number, width: Width, value: number): void {
    this.cpu.io[writePort[width]](port, width === 4 ? value | 0 : value);
  }

  read(address: number, width: Width): number {
    return unsigned(this.cpu[read[width]](address), width);
  }

  write(address: number, width: Width, value: number): void {
    this.cpu[write[width]](address, value | 0);
  }

  bytes(address: number, length: number): Uint8Array {
    return this.memory.slice(address, length);
  }

  lineAsserted(): boolean {
    return lineInterrupts.some((interrupt) => this.asserted.has(interrupt));
  }

  async settle(): Promise<void> {
    await sleep(1);
  }

  async advance(milliseconds: number): Promise<void> {
    await sleep(milliseconds);
  }
}

function unsigned(value: number, width: Width): number {
  return width === 4 ? value >>> 0 : value;
}

async function stoppedV86(card: 'none' | 'virtio', relayUrl?: string): Promise<V86> {
  const wasm = await v86Module();
  const emulator = new V86({
    wasm_fn: async (imports) => (await WebAssembly.instantiate(wasm, imports)).exports,
    autostart: false,
    acpi: true,
    memory_size: memoryBytes,
    vga_memory_size: 1 << 20,
    // v86's types do not know 'none'.
    net_device: { type: card as 'virtio', ...(relayUrl !== undefined && { relay_url: relayUrl }) },
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    bios: { buffer: new ArrayBuffer(0x10000) },
    vga_bios: { buffer: new ArrayBuffer(0x8000) },
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-ready', () => resolve()));
  return emulator;
}

/** A machine in this process, for drivers without promises too. */
export interface V86Target extends Target {
  readonly hardware: ImmediateMachine;
  readonly emulator: V86;
}

async function targetOn(name: string, emulator: V86, wire: Wire): Promise<V86Target> {
  const hardware = new StoppedV86(name, emulator);
  const machine = machineFrom(hardware);
  for (const [line, interrupt] of lineInterrupts.entries()) {
    await writePciConfig(machine, isaBridge, routes + line, 1, interrupt);
  }
  return {
    machine,
    hardware,
    emulator,
    wire,
    close: async () => {
      await emulator.destroy();
    },
  };
}

/** Our card in a v86 whose processor does not run. */
export async function v86Ours(options: VirtioNetOptions = {}): Promise<V86Target & { readonly card: VirtioNetCard }> {
  const emulator = await stoppedV86('none');
  const card = attachVirtioNet(emulator, { mac: '52:54:00:12:34:56', ...options });
  return {
    ...(await targetOn('virtio-mq in v86', emulator, new CardWire(card.device))),
    card,
    setLink: (up) => attempt(() => card.device.setLink(up)),
    reset: () => attempt(() => card.function.reset()),
    announce: () => attempt(() => void card.device.announce()),
  };
}

export interface V86OwnOptions {
  /** What v86 connects its card to, beside the wire: a WebSocket relay's URL, or `inbrowser` for a BroadcastChannel. */
  readonly relayUrl?: string;
}

/** v86's own virtio card. */
export async function v86Own({ relayUrl }: V86OwnOptions = {}): Promise<V86Target> {
  const emulator = await stoppedV86('virtio', relayUrl);
  return targetOn('v86', emulator, new BusWire(emulator));
}

/** v86's own cards are on a bus of named messages. */
class BusWire implements Wire {
  private readonly emulator: V86;
  private taken: WireFrame[] = [];

  constructor(emulator: V86) {
    this.emulator = emulator;
    emulator.add_listener('net0-send', (bytes: Uint8Array) => this.taken.push({ bytes: bytes.slice() }));
  }

  send(...frames: readonly Uint8Array[]): Promise<void> {
    const { bus } = this.emulator as unknown as { bus: { send(name: string, bytes: Uint8Array): void } };
    quietly(() => frames.forEach((frame) => bus.send('net0-receive', frame)));
    return Promise.resolve();
  }

  take(): Promise<WireFrame[]> {
    const taken = this.taken;
    this.taken = [];
    return Promise.resolve(taken);
  }
}

/** v86's card tells the console of every frame for which it has no buffer. That is no output of whoever uses the target. */
function quietly(work: () => void): void {
  const { log } = console;
  console.log = () => undefined;
  try {
    work();
  } finally {
    console.log = log;
  }
}
