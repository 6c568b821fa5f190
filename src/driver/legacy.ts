import { UnexpectedCard } from './errors.js';
import type { Width } from './machine.js';
import type { DriverMemory } from './memory.js';
import { Msix } from './msix.js';
import type { PciCard } from './pciCard.js';
import type { Registers } from './registers.js';
import type { DriverRing } from './ring.js';
import type { Transport } from './transport.js';

/** The legacy registers in BAR 0, which is I/O ports (virtio 4.1.4.10). */
export const legacyField = {
  deviceFeatures: { offset: 0, width: 4 },
  driverFeatures: { offset: 4, width: 4 },
  queueAddress: { offset: 8, width: 4 },
  queueSize: { offset: 12, width: 2 },
  queueSelect: { offset: 14, width: 2 },
  queueNotify: { offset: 16, width: 2 },
  deviceStatus: { offset: 18, width: 1 },
  isr: { offset: 19, width: 1 },
  /** These two are there only while MSI-X is enabled; without them the device's configuration begins here. */
  configMsixVector: { offset: 20, width: 2 },
  queueMsixVector: { offset: 22, width: 2 },
} as const satisfies Readonly<Record<string, { offset: number; width: Width }>>;

export type LegacyField = keyof typeof legacyField;

const pageBytes = 4096;
const msixEnabled = 0x8000;

/** The legacy interface of a transitional device. It has 32 feature bits, split rings only, and no generation. */
export class LegacyTransport implements Transport {
  readonly kind = 'legacy';
  readonly card: PciCard;
  readonly memory: DriverMemory;
  readonly msix: Msix | undefined;
  readonly registers: Registers;

  private constructor(card: PciCard, memory: DriverMemory, msix: Msix | undefined) {
    this.card = card;
    this.memory = memory;
    this.msix = msix;
    this.registers = card.bar(0);
  }

  /** @throws UnexpectedCard when BAR 0 is not I/O ports: the device is not transitional */
  static async open(card: PciCard, memory: DriverMemory): Promise<LegacyTransport> {
    if (((await card.readBar(0)) & 1) === 0) throw new UnexpectedCard('BAR 0 is not I/O ports: no legacy interface');
    return new LegacyTransport(card, memory, await Msix.find(card, memory));
  }

  get(field: LegacyField): Promise<number> {
    const { offset, width } = legacyField[field];
    return this.registers.read(offset, width);
  }

  set(field: LegacyField, value: number): Promise<void> {
    const { offset, width } = legacyField[field];
    return this.registers.write(offset, width, value);
  }

  readStatus(): Promise<number> {
    return this.get('deviceStatus');
  }

  writeStatus(value: number): Promise<void> {
    return this.set('deviceStatus', value);
  }

  async offered(): Promise<bigint> {
    return BigInt(await this.get('deviceFeatures'));
  }

  async accepted(): Promise<bigint> {
    return BigInt(await this.get('driverFeatures'));
  }

  accept(features: bigint): Promise<void> {
    return this.set('driverFeatures', Number(features & 0xffffffffn));
  }

  /** The legacy interface does not tell. */
  queueCount(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async queueSize(index: number): Promise<number> {
    await this.set('queueSelect', index);
    return this.get('queueSize');
  }

  async setConfigVector(vector: number): Promise<number> {
    await this.set('configMsixVector', vector);
    return this.get('configMsixVector');
  }

  async setQueueVector(index: number, vector: number): Promise<number> {
    await this.set('queueSelect', index);
    await this.set('queueMsixVector', vector);
    return this.get('queueMsixVector');
  }

  /** The ring has the size that the device gave, and lies in one piece (RingOptions.legacy). */
  async placeQueue(index: number, ring: DriverRing): Promise<void> {
    await this.set('queueSelect', index);
    await this.set('queueAddress', ring.descriptorArea / pageBytes);
  }

  notify(index: number): Promise<void> {
    return this.set('queueNotify', index);
  }

  readIsr(): Promise<number> {
    return this.get('isr');
  }

  async readConfig(offset: number, width: Width): Promise<number> {
    return this.registers.read((await this.configStart()) + offset, width);
  }

  async writeConfig(offset: number, width: Width, value: number): Promise<void> {
    await this.registers.write((await this.configStart()) + offset, width, value);
  }

  configGeneration(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** Where the device's configuration begins moves with MSI-X. */
  private async configStart(): Promise<number> {
    const enabled = this.msix && (await this.msix.readControl()) & msixEnabled;
    return enabled ? 24 : 20;
  }
}
