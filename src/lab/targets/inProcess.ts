import type { Range, Width } from '../../driver/machine.js';
import { NetDevice, type NetDeviceOptions } from '../../net/index.js';
import { VirtioPciFunction } from '../../pci/index.js';
import type { PciFunction, PciHost } from '../../pci/function.js';
import { BufferMemory } from '../../virtio/memory.js';
import { ManualClock } from '../../virtio/clock.js';
import { CardWire } from './cardWire.js';
import { attempt, machineFrom, type ImmediateMachine } from './immediate.js';
import type { Target } from './target.js';

const allOnes: Readonly<Record<Width, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

/** The slot that the card is in. */
const slot = 3;

/** A machine that is nothing but a PCI bus with one function on it, RAM, and a clock that stands still. */
export class BareMachine implements ImmediateMachine {
  readonly name = 'virtio-mq';
  readonly ram: Range;
  readonly memoryWindow = { start: 0xe0000000, end: 0xf0000000 };
  readonly portWindow = { start: 0xc000, end: 0x10000 };
  readonly clock: ManualClock;
  /** Messages that went elsewhere than to RAM. */
  readonly strayMessages: { address: number; data: number }[] = [];
  private readonly memory: BufferMemory;
  private readonly inserted: PciFunction;
  /** By BAR. */
  private readonly mapped: (number | undefined)[] = [];
  private configAddress = 0;
  private line = false;

  /** @param memory what it has of RAM: a buffer, or its size */
  constructor(inserted: PciFunction, clock: ManualClock, memory: number | ArrayBufferLike = 16 << 20) {
    this.memory = new BufferMemory(memory);
    this.ram = { start: 0x1000, end: this.memory.size };
    this.inserted = inserted;
    this.clock = clock;
    const host: PciHost = {
      memory: this.memory,
      message: (address, data) => this.message(address, data),
      interrupt: (asserted) => (this.line = asserted),
      mapBar: (index, address) => (this.mapped[index] = address),
    };
    inserted.plug(host);
  }

  readPort(port: number, width: Width): number {
    const at = this.configPort(port);
    if (at !== undefined) return at < 0 ? this.readAddress(port, width) : this.inserted.config.read(at, width) >>> 0;
    return this.readBar('io', port, width);
  }

  writePort(port: number, width: Width, value: number): void {
    if (port === 0xcf8 && width === 4) this.configAddress = value;
    const at = this.configPort(port);
    if (at === undefined) this.writeBar('io', port, width, value);
    else if (at >= 0) this.inserted.config.write(at, width, value);
  }

  read(address: number, width: Width): number {
    if (address + width <= this.memory.size) {
      let value = 0;
      for (let i = 0; i < width; i++) value += this.memory.bytes[address + i] * 2 ** (8 * i);
      return value;
    }
    return this.readBar('memory', address, width);
  }

  write(address: number, width: Width, value: number): void {
    if (address + width <= this.memory.size) this.store(address, width, value);
    else this.writeBar('memory', address, width, value);
  }

  bytes(address: number, length: number): Uint8Array {
    return this.memory.slice(address, length);
  }

  lineAsserted(): boolean {
    return this.line;
  }

  /** Everything happens at once. */
  settle(): Promise<void> {
    return Promise.resolve();
  }

  advance(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    return Promise.resolve();
  }

  /** The place in the function's configuration space that a port is; -1 for what is elsewhere on the bus. */
  private configPort(port: number): number | undefined {
    if (port >= 0xcf8 && port < 0xcfc) return -1;
    if (port < 0xcfc || port > 0xcff) return undefined;
    const here = this.configAddress >>> 8 === (0x80000000 | (slot << 11)) >>> 8;
    return here ? (this.configAddress & 0xfc) + port - 0xcfc : -1;
  }

  private readAddress(port: number, width: Width): number {
    return port === 0xcf8 && width === 4 ? this.configAddress : allOnes[width];
  }

  private readBar(kind: 'memory' | 'io', address: number, width: Width): number {
    const index = this.barAt(kind, address);
    return index < 0 ? allOnes[width] : this.inserted.bars[index]!.read(address - this.mapped[index]!, width) >>> 0;
  }

  private writeBar(kind: 'memory' | 'io', address: number, width: Width, value: number): void {
    const index = this.barAt(kind, address);
    if (index >= 0) this.inserted.bars[index]!.write(address - this.mapped[index]!, width, value);
  }

  /** The number of the BAR behind which an address lies, or -1. */
  private barAt(kind: 'memory' | 'io', address: number): number {
    const { bars } = this.inserted;
    for (let index = 0; index < bars.length; index++) {
      const bar = bars[index];
      const start = this.mapped[index];
      if (bar?.kind === kind && start !== undefined && address >= start && address < start + bar.size) return index;
    }
    return -1;
  }

  private message(address: number, data: number): void {
    if (address + 4 <= this.memory.size) this.store(address, 4, data);
    else this.strayMessages.push({ address, data });
  }

  private store(address: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.memory.bytes[address + i] = (value >>> (8 * i)) & 0xff;
  }
}

/** Our card in a machine without an emulator, with everything behind it for who wants to look. */
export interface InProcessTarget extends Target {
  /** The machine, as its hardware is. */
  readonly hardware: BareMachine;
  readonly device: NetDevice;
  readonly function: VirtioPciFunction;
}

export interface InProcessOptions extends Partial<NetDeviceOptions> {
  /** The machine's RAM: a buffer, shared or not, or its size in bytes; 16 MiB when left out. */
  readonly memory?: number | ArrayBufferLike;
}

/** @throws RangeError for an option out of its range */
export function inProcess({ memory, ...options }: InProcessOptions = {}): InProcessTarget {
  const clock = new ManualClock();
  const device = new NetDevice(clock, { mac: '52:54:00:12:34:56', ...options });
  const inserted = new VirtioPciFunction(device);
  const hardware = new BareMachine(inserted, clock, memory);
  return {
    machine: machineFrom(hardware),
    hardware,
    wire: new CardWire(device),
    device,
    function: inserted,
    setLink: (up) => attempt(() => device.setLink(up)),
    reset: () => attempt(() => inserted.reset()),
    announce: () => attempt(() => void device.announce()),
    close: () => Promise.resolve(),
  };
}
