import { RegisterBlock, type AccessWidth, type Register } from '../virtio/registers.js';
import type { BarSpace, RegisterSpace } from './function.js';
import { firstCapability } from './capabilities.js';

export const configurationBytes = 256;

/** Bits of the command register (PCI 3.0, 6.2.2). */
export const command = { io: 1, memory: 2, busMaster: 4, interruptDisable: 0x400 } as const;
const commandMask = command.io | command.memory | command.busMaster | 0x140 | command.interruptDisable;

/** Bits of the status register (6.2.3). */
const status = { interrupt: 0x08, capabilities: 0x10 } as const;

const ioSpace = 1;

export interface Identity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  /** Base class, subclass, programming interface: 24 bits. */
  readonly classCode: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
}

export interface ConfigurationEvents {
  /** The command register or a BAR changed. */
  changed(): void;
  /** Whether the function asserts its interrupt, as the status register shows it. */
  interruptPending(): boolean;
}

/** The header of a PCI function (type 0, PCI 3.0, 6.1) and the capabilities behind it. */
export class ConfigurationSpace implements RegisterSpace {
  private readonly block: RegisterBlock;
  private readonly bars: readonly (BarSpace | undefined)[];

  constructor(
    identity: Identity,
    bars: readonly (BarSpace | undefined)[],
    capabilities: readonly Register[],
    events: ConfigurationEvents,
  ) {
    this.bars = bars;
    this.block = new RegisterBlock(configurationBytes, [
      ...header(identity, events),
      ...bars.flatMap((bar, index) => (bar ? [barRegister(bar, index, events)] : [])),
      ...capabilities,
    ]);
  }

  get command(): number {
    return this.block.get('command');
  }

  /** Where the BAR is decoded, or undefined while the command register has that switched off. */
  barAddress(index: number): number | undefined {
    const bar = this.bars[index];
    if (!bar) return undefined;
    const enable = bar.kind === 'io' ? command.io : command.memory;
    return this.command & enable ? (this.block.get(`bar.${index}`) & -bar.size) >>> 0 : undefined;
  }

  /** The stored value of a capability's register, by its full name: `window.offset`. */
  get(name: string): number {
    return this.block.get(name);
  }

  read(offset: number, width: AccessWidth): number {
    return this.block.read(offset, width);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    this.block.write(offset, width, value);
  }

  reset(): void {
    this.block.reset();
  }

  save(): number[] {
    return this.block.save();
  }

  restore(values: readonly number[]): void {
    this.block.restore(values);
  }
}

function header(identity: Identity, events: ConfigurationEvents): Register[] {
  const changed = (): void => events.changed();
  return [
    { name: 'vendorId', offset: 0x00, width: 2, reset: identity.vendorId },
    { name: 'deviceId', offset: 0x02, width: 2, reset: identity.deviceId },
    { name: 'command', offset: 0x04, width: 2, mask: commandMask, write: changed },
    {
      name: 'status',
      offset: 0x06,
      width: 2,
      read: () => status.capabilities | (events.interruptPending() ? status.interrupt : 0),
    },
    { name: 'revision', offset: 0x08, width: 1, reset: identity.revision },
    { name: 'programmingInterface', offset: 0x09, width: 1, reset: identity.classCode & 0xff },
    { name: 'class', offset: 0x0a, width: 2, reset: identity.classCode >>> 8 },
    { name: 'cacheLineSize', offset: 0x0c, width: 1, mask: 0xff },
    { name: 'latencyTimer', offset: 0x0d, width: 1, mask: 0xff },
    { name: 'headerType', offset: 0x0e, width: 1, reset: 0 },
    { name: 'subsystemVendorId', offset: 0x2c, width: 2, reset: identity.subsystemVendorId },
    { name: 'subsystemId', offset: 0x2e, width: 2, reset: identity.subsystemId },
    { name: 'capabilities', offset: 0x34, width: 1, reset: firstCapability },
    { name: 'interruptLine', offset: 0x3c, width: 1, mask: 0xff },
    { name: 'interruptPin', offset: 0x3d, width: 1, reset: 1 },
  ];
}

/** Its mask is what makes a BAR tell its size: the bits below it can't be written (6.2.5.1). */
function barRegister(bar: BarSpace, index: number, events: ConfigurationEvents): Register {
  return {
    name: `bar.${index}`,
    offset: 0x10 + 4 * index,
    width: 4,
    mask: -bar.size >>> 0,
    reset: bar.kind === 'io' ? ioSpace : 0,
    write: () => events.changed(),
  };
}
