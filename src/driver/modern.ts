import { windowRegisters } from './configWindow.js';
import { UnexpectedCard } from './errors.js';
import { has } from './features.js';
import type { Width } from './machine.js';
import type { Address, DriverMemory } from './memory.js';
import { Msix } from './msix.js';
import type { PciCard } from './pciCard.js';
import { registersFrom, type Registers } from './registers.js';
import type { DriverRing } from './ring.js';
import { firstOf, readStructures, structureType, type Structure } from './structures.js';
import type { Doorbell, Transport } from './transport.js';

/** struct virtio_pci_common_cfg (virtio 4.1.4.3), and the width of each field; 64-bit ones are two of 32 bits. */
export const commonField = {
  deviceFeatureSelect: { offset: 0, width: 4 },
  deviceFeature: { offset: 4, width: 4 },
  driverFeatureSelect: { offset: 8, width: 4 },
  driverFeature: { offset: 12, width: 4 },
  configMsixVector: { offset: 16, width: 2 },
  numQueues: { offset: 18, width: 2 },
  deviceStatus: { offset: 20, width: 1 },
  configGeneration: { offset: 21, width: 1 },
  queueSelect: { offset: 22, width: 2 },
  queueSize: { offset: 24, width: 2 },
  queueMsixVector: { offset: 26, width: 2 },
  queueEnable: { offset: 28, width: 2 },
  queueNotifyOff: { offset: 30, width: 2 },
  queueDescLow: { offset: 32, width: 4 },
  queueDescHigh: { offset: 36, width: 4 },
  queueDriverLow: { offset: 40, width: 4 },
  queueDriverHigh: { offset: 44, width: 4 },
  queueDeviceLow: { offset: 48, width: 4 },
  queueDeviceHigh: { offset: 52, width: 4 },
  queueNotifConfigData: { offset: 56, width: 2 },
  queueReset: { offset: 58, width: 2 },
  adminQueueIndex: { offset: 60, width: 2 },
  adminQueueNum: { offset: 62, width: 2 },
} as const satisfies Readonly<Record<string, { offset: number; width: Width }>>;

export type CommonField = keyof typeof commonField;

/** The registers that select features have room for more; the specification has none behind bit 127. */
const featureWords = [0, 1, 2, 3] as const;

export interface ModernOptions {
  /** How the structures are reached: by their BARs (when left out), or by the PCI configuration access capability. */
  readonly through?: 'bars' | 'window';
}

/** The modern interface of a virtio PCI device: each register on its own, and the steps that take several of them. */
export class ModernTransport implements Transport {
  readonly kind = 'modern';
  readonly card: PciCard;
  readonly memory: DriverMemory;
  readonly msix: Msix | undefined;
  /** All structure capabilities, those too that the driver does not use. */
  readonly structures: readonly Structure[];
  readonly common: Registers;
  readonly isr: Registers;
  readonly device: Registers | undefined;
  readonly notification: Registers;
  readonly notifyMultiplier: number;
  /** The features that were accepted last; they decide what a notification is. */
  private features = 0n;
  /** By queue: its place in the notification structure in bytes, and the value to write there. */
  private readonly notifications = new Map<number, { offset: number; value: number }>();

  private constructor(
    card: PciCard,
    memory: DriverMemory,
    msix: Msix | undefined,
    structures: readonly Structure[],
    through: 'bars' | 'window',
  ) {
    const window = firstOf(structures, structureType.pci);
    const reach = (structure: Structure): Registers => {
      if (through === 'bars') return registersFrom(card.bar(structure.bar), structure.offset);
      if (!window) throw new UnexpectedCard('the device has no PCI configuration access capability');
      return registersFrom(windowRegisters(card, window.at, structure.bar), structure.offset);
    };
    const need = (type: keyof typeof structureType): Structure => {
      const found = firstOf(structures, structureType[type]);
      if (!found) throw new UnexpectedCard(`the device has no ${type} structure: it is a legacy device, or none`);
      return found;
    };
    this.card = card;
    this.memory = memory;
    this.msix = msix;
    this.structures = structures;
    this.common = reach(need('common'));
    this.isr = reach(need('isr'));
    this.notification = reach(need('notify'));
    this.notifyMultiplier = need('notify').notifyMultiplier;
    const device = firstOf(structures, structureType.device);
    this.device = device && reach(device);
  }

  /**
   * Finds the structures of a function whose BARs have a place. Writes nothing to the device.
   * @throws UnexpectedCard when one is missing that every device has
   */
  static async open(card: PciCard, memory: DriverMemory, options: ModernOptions = {}): Promise<ModernTransport> {
    const msix = await Msix.find(card, memory);
    return new ModernTransport(card, memory, msix, await readStructures(card), options.through ?? 'bars');
  }

  /** Reads a field of the common configuration, in its own width. */
  get(field: CommonField): Promise<number> {
    const { offset, width } = commonField[field];
    return this.common.read(offset, width);
  }

  set(field: CommonField, value: number): Promise<void> {
    const { offset, width } = commonField[field];
    return this.common.write(offset, width, value);
  }

  readStatus(): Promise<number> {
    return this.get('deviceStatus');
  }

  async writeStatus(value: number): Promise<void> {
    if (value === 0) this.notifications.clear();
    await this.set('deviceStatus', value);
  }

  /** 32 feature bits: `word` 0 has bits 0 to 31, and so on. */
  async offeredWord(word: number): Promise<number> {
    await this.set('deviceFeatureSelect', word);
    return this.get('deviceFeature');
  }

  async acceptWord(word: number, bits: number): Promise<void> {
    await this.set('driverFeatureSelect', word);
    await this.set('driverFeature', bits);
  }

  async acceptedWord(word: number): Promise<number> {
    await this.set('driverFeatureSelect', word);
    return this.get('driverFeature');
  }

  async offered(): Promise<bigint> {
    let offered = 0n;
    for (const word of featureWords) offered |= BigInt(await this.offeredWord(word)) << BigInt(32 * word);
    return offered;
  }

  async accepted(): Promise<bigint> {
    let accepted = 0n;
    for (const word of featureWords) accepted |= BigInt(await this.acceptedWord(word)) << BigInt(32 * word);
    return accepted;
  }

  async accept(features: bigint): Promise<void> {
    this.features = features;
    for (const word of featureWords) {
      await this.acceptWord(word, Number((features >> BigInt(32 * word)) & 0xffffffffn));
    }
  }

  queueCount(): Promise<number> {
    return this.get('numQueues');
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

  async placeQueue(index: number, ring: DriverRing): Promise<void> {
    await this.set('queueSelect', index);
    await this.set('queueSize', ring.size);
    await this.writeAreas(ring.descriptorArea, ring.driverArea, ring.deviceArea);
    await this.prepareNotification(index);
    await this.set('queueEnable', 1);
  }

  /** Writes the three addresses of the queue that is selected. */
  async writeAreas(descriptorArea: Address, driverArea: Address, deviceArea: Address): Promise<void> {
    const write = async (low: CommonField, high: CommonField, address: Address): Promise<void> => {
      await this.set(low, Number(BigInt(address) & 0xffffffffn));
      await this.set(high, Number((BigInt(address) >> 32n) & 0xffffffffn));
    };
    await write('queueDescLow', 'queueDescHigh', descriptorArea);
    await write('queueDriverLow', 'queueDriverHigh', driverArea);
    await write('queueDeviceLow', 'queueDeviceHigh', deviceArea);
  }

  /** Finds out where the selected queue is notified, and by what value; `placeQueue` does so too. */
  async prepareNotification(index: number): Promise<void> {
    const offset = (await this.get('queueNotifyOff')) * this.notifyMultiplier;
    const named = has(this.features, 'VIRTIO_F_NOTIF_CONFIG_DATA');
    this.notifications.set(index, { offset, value: named ? await this.get('queueNotifConfigData') : index });
  }

  async notify(index: number, ring: DriverRing): Promise<void> {
    const place = this.notifications.get(index);
    if (!place) throw new RangeError(`queue ${index} has not been placed`);
    if (has(this.features, 'VIRTIO_F_NOTIFICATION_DATA')) {
      await this.notification.write(place.offset, 4, place.value + ring.position * 0x10000);
    } else {
      await this.notification.write(place.offset, 2, place.value);
    }
  }

  /**
   * Where a queue that was placed is notified, and by what, for a driver that writes there itself.
   * @throws UnexpectedCard where the registers are not behind a BAR that has a place
   */
  doorbell(index: number): Doorbell {
    const place = this.notifications.get(index);
    if (!place) throw new RangeError(`queue ${index} has not been placed`);
    const { bar, offset } = firstOf(this.structures, structureType.notify)!;
    const { kind, address } = this.card.place(bar);
    return {
      kind,
      address: address + offset + place.offset,
      value: place.value,
      position: has(this.features, 'VIRTIO_F_NOTIFICATION_DATA'),
    };
  }

  /** Takes the queue back from the device (VIRTIO_F_RING_RESET, virtio 2.6.1); true when the device says it is done. */
  async resetQueue(index: number): Promise<boolean> {
    await this.set('queueSelect', index);
    await this.set('queueReset', 1);
    return (await this.get('queueReset')) === 0;
  }

  readIsr(): Promise<number> {
    return this.isr.read(0, 1);
  }

  readConfig(offset: number, width: Width): Promise<number> {
    if (!this.device) throw new UnexpectedCard('the device has no configuration of its own');
    return this.device.read(offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): Promise<void> {
    if (!this.device) throw new UnexpectedCard('the device has no configuration of its own');
    return this.device.write(offset, width, value);
  }

  configGeneration(): Promise<number> {
    return this.get('configGeneration');
  }
}
