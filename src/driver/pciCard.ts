import { UnexpectedCard } from './errors.js';
import type { Machine, Range, Width } from './machine.js';
import { readPciConfig, writePciConfig, type PciAddress } from './pciConfig.js';
import { mappedRegisters, type Registers } from './registers.js';

/** Registers of a type 0 header (PCI 3.0, 6.1). */
const header = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  bars: 0x10,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

/** Bits of the command register (6.2.2). */
export const pciCommand = { io: 1, memory: 2, busMaster: 4, interruptDisable: 0x400 } as const;
/** Bits of the status register (6.2.3). */
export const pciStatus = { interrupt: 8, capabilities: 0x10 } as const;

const virtioVendor = 0x1af4;
const slots = 32;
const barCount = 6;
/** More entries than fit into configuration space: the list is a loop. */
const mostCapabilities = 48;

export interface Capability {
  readonly id: number;
  /** In configuration space. */
  readonly offset: number;
}

/** A base address register, as sizing finds it (6.2.5.1). */
export interface Bar {
  readonly index: number;
  readonly kind: 'memory' | 'io';
  readonly size: number;
  /** It takes the next register too, for the upper half of its address. */
  readonly wide: boolean;
  readonly prefetchable: boolean;
}

/** Every function that answers on bus 0. */
export async function scanBus(machine: Machine): Promise<PciCard[]> {
  const found: PciCard[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const card = new PciCard(machine, { bus: 0, slot, function: 0 });
    if ((await card.read(header.vendorId, 2)) !== 0xffff) found.push(card);
  }
  return found;
}

/**
 * The first virtio function of the kind, by its modern or transitional device id (virtio 4.1.2).
 * @param kind the virtio device id: 1 is a network card
 * @throws UnexpectedCard when there is none
 */
export async function findVirtioCard(machine: Machine, kind = 1): Promise<PciCard> {
  for (const card of await scanBus(machine)) {
    const { vendorId, deviceId } = await card.ids();
    if (vendorId !== virtioVendor) continue;
    if (deviceId === 0x1040 + kind || (kind === 1 && deviceId === 0x1000)) return card;
  }
  throw new UnexpectedCard(`${machine.name} has no virtio device with id ${kind} on its bus`);
}

/** A PCI function: its configuration space, its capabilities and its base address registers. */
export class PciCard {
  readonly machine: Machine;
  readonly address: PciAddress;
  /** After `placeBars`: where each is, by number. */
  readonly places: (number | undefined)[] = [];
  private kinds: (Bar['kind'] | undefined)[] = [];

  constructor(machine: Machine, address: PciAddress) {
    this.machine = machine;
    this.address = address;
  }

  read(offset: number, width: Width): Promise<number> {
    return readPciConfig(this.machine, this.address, offset, width);
  }

  write(offset: number, width: Width, value: number): Promise<void> {
    return writePciConfig(this.machine, this.address, offset, width, value);
  }

  async ids() {
    return {
      vendorId: await this.read(header.vendorId, 2),
      deviceId: await this.read(header.deviceId, 2),
      revision: await this.read(header.revision, 1),
      classCode: (await this.read(header.revision, 4)) >>> 8,
      subsystemVendorId: await this.read(header.subsystemVendorId, 2),
      subsystemId: await this.read(header.subsystemId, 2),
      interruptPin: await this.read(header.interruptPin, 1),
    };
  }

  status(): Promise<number> {
    return this.read(header.status, 2);
  }

  command(): Promise<number> {
    return this.read(header.command, 2);
  }

  /** Writes the command register whole; bits of `pciCommand`. */
  setCommand(value: number): Promise<void> {
    return this.write(header.command, 2, value);
  }

  /**
   * The capability list, in its order (6.7).
   * @throws UnexpectedCard when the list is a loop
   */
  async capabilities(): Promise<Capability[]> {
    if (!((await this.status()) & pciStatus.capabilities)) return [];
    const list: Capability[] = [];
    let offset = (await this.read(header.capabilities, 1)) & 0xfc;
    while (offset !== 0) {
      if (list.length === mostCapabilities) throw new UnexpectedCard('the capability list is a loop');
      list.push({ id: await this.read(offset, 1), offset });
      offset = (await this.read(offset + 1, 1)) & 0xfc;
    }
    return list;
  }

  /** Sizes all base address registers; decoding is off meanwhile, and they are left as they were. */
  async sizeBars(): Promise<Bar[]> {
    const command = await this.command();
    await this.setCommand(command & ~(pciCommand.io | pciCommand.memory));
    const found: Bar[] = [];
    for (let index = 0; index < barCount; index++) {
      const before = await this.readBar(index);
      const mask = await this.probe(index, before);
      if (mask === 0) continue;
      const io = (before & 1) !== 0;
      const wide = !io && (before & 6) === 4;
      // A memory BAR of 4 GiB or more has no bit of its lower half; no virtio device needs one.
      const size = (~(mask & (io ? ~3 : ~15)) + 1) >>> 0;
      found.push({
        index,
        kind: io ? 'io' : 'memory',
        size: io ? size & 0xffff : size,
        wide,
        prefetchable: !io && (before & 8) !== 0,
      });
      if (wide) index++;
    }
    await this.setCommand(command);
    return found;
  }

  /**
   * Gives each base address register a place of its own in the machine's windows, largest first, and lets the function
   * decode them and master the bus.
   */
  async placeBars(): Promise<Bar[]> {
    const bars = await this.sizeBars();
    const next = { memory: this.machine.memoryWindow.start, io: this.machine.portWindow.start };
    for (const bar of [...bars].sort((a, b) => b.size - a.size)) {
      const window = bar.kind === 'io' ? this.machine.portWindow : this.machine.memoryWindow;
      const at = place(next[bar.kind], bar, window);
      next[bar.kind] = at + bar.size;
      await this.setBar(bar, at);
    }
    await this.setCommand(pciCommand.io | pciCommand.memory | pciCommand.busMaster);
    return bars;
  }

  /** Moves one BAR. */
  async setBar(bar: Bar, address: number): Promise<void> {
    await this.write(header.bars + 4 * bar.index, 4, address >>> 0);
    if (bar.wide) await this.write(header.bars + 4 * bar.index + 4, 4, Math.floor(address / 2 ** 32));
    this.places[bar.index] = address;
    this.kinds[bar.index] = bar.kind;
  }

  readBar(index: number): Promise<number> {
    return this.read(header.bars + 4 * index, 4);
  }

  /**
   * What a BAR that `placeBars` has placed makes reachable.
   * @throws UnexpectedCard when there is no such BAR
   */
  bar(index: number): Registers {
    const { kind, address } = this.place(index);
    return mappedRegisters(this.machine, kind, address);
  }

  /**
   * Where `placeBars` has placed a BAR.
   * @throws UnexpectedCard when there is no such BAR
   */
  place(index: number): { readonly kind: Bar['kind']; readonly address: number } {
    const address = this.places[index];
    const kind = this.kinds[index];
    if (address === undefined || !kind)
      throw new UnexpectedCard(`the function has no BAR ${index}, or it has no place yet`);
    return { kind, address };
  }

  private async probe(index: number, before: number): Promise<number> {
    const offset = header.bars + 4 * index;
    await this.write(offset, 4, 0xffffffff);
    const mask = await this.read(offset, 4);
    await this.write(offset, 4, before);
    return mask;
  }
}

function place(next: number, bar: Bar, window: Range): number {
  const at = Math.ceil(next / bar.size) * bar.size;
  if (at + bar.size > window.end) throw new RangeError(`there is no room for BAR ${bar.index} of ${bar.size} bytes`);
  return at;
}
