import type { AccessWidth } from '../../src/virtio/registers.js';
import type { TestMachine } from './machine.js';
import { NaiveDriver, type DriverQueue } from './naiveDriver.js';
import { PackedDriver } from './packedDriver.js';

/** Configuration space of a PCI function (PCI 3.0, 6.1). */
export const header = {
  command: 0x04,
  status: 0x06,
  bar0: 0x10,
  capabilities: 0x34,
  interruptLine: 0x3c,
} as const;
export const commandBit = { io: 1, memory: 2, busMaster: 4, interruptDisable: 0x400 } as const;
export const statusBit = { interrupt: 8, capabilities: 0x10 } as const;
export const capabilityId = { vendor: 9, msix: 0x11 } as const;

/** cfg_type of struct virtio_pci_cap (virtio 4.1.4). */
export const structure = { common: 1, notify: 2, isr: 3, device: 4, pci: 5 } as const;

/** struct virtio_pci_common_cfg (virtio 4.1.4.3). */
export const common = {
  deviceFeatureSelect: [0, 4],
  deviceFeature: [4, 4],
  driverFeatureSelect: [8, 4],
  driverFeature: [12, 4],
  configMsixVector: [16, 2],
  numQueues: [18, 2],
  deviceStatus: [20, 1],
  configGeneration: [21, 1],
  queueSelect: [22, 2],
  queueSize: [24, 2],
  queueMsixVector: [26, 2],
  queueEnable: [28, 2],
  queueNotifyOff: [30, 2],
  queueDesc: [32, 4],
  queueDescHigh: [36, 4],
  queueDriver: [40, 4],
  queueDriverHigh: [44, 4],
  queueDevice: [48, 4],
  queueDeviceHigh: [52, 4],
  queueNotifConfigData: [56, 2],
  queueReset: [58, 2],
} as const satisfies Record<string, readonly [number, AccessWidth]>;
export type CommonField = keyof typeof common;

/** Bits of the device status (virtio 2.1). */
export const status = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, needsReset: 64, failed: 128 } as const;

/** Bits of features that change how queues are worked (virtio chapter 6). */
const bit = { eventIndex: 29n, packed: 34n, notificationData: 38n, notifConfigData: 39n } as const;

export const noVector = 0xffff;

export interface Capability {
  readonly id: number;
  readonly offset: number;
}

export interface Structure {
  readonly capability: number;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

export interface QueueOptions {
  readonly size?: number;
  readonly vector?: number;
  readonly enable?: boolean;
}

/** 128 feature bits: more than the specification hands out. */
const featureWords = [0, 1, 2, 3];

/** A driver of virtio-pci devices, written from virtio 4.1 and PCI alone. */
export class PciDriver {
  readonly machine: TestMachine;
  readonly structures: ReadonlyMap<number, Structure>;
  readonly msixCapability: number | undefined;
  /** The rings of the queues that were set up, by index. */
  readonly queues: DriverQueue[] = [];
  features = 0n;

  /** Finds the structures, places the BARs, and switches on their decoding and bus mastering. */
  constructor(machine: TestMachine) {
    this.machine = machine;
    const capabilities = this.capabilities();
    this.msixCapability = capabilities.find(({ id }) => id === capabilityId.msix)?.offset;
    this.structures = new Map(
      capabilities
        .filter(({ id }) => id === capabilityId.vendor)
        .map(({ offset }) => [machine.readConfig(offset + 3, 1), this.structureAt(offset)]),
    );
    for (let bar = 0; bar < 6; bar++) {
      if (this.barSize(bar) === 0) continue;
      const base = this.isIo(bar) ? 0xc000 : 0xfe000000;
      machine.writeConfig(header.bar0 + 4 * bar, 4, base + 0x100000 * bar);
    }
    this.command(commandBit.io | commandBit.memory | commandBit.busMaster);
  }

  /** The capability list, in its order (PCI 3.0, 6.7). */
  capabilities(): Capability[] {
    const { machine } = this;
    const list: Capability[] = [];
    if (!(machine.readConfig(header.status, 2) & statusBit.capabilities)) return list;
    for (let at = machine.readConfig(header.capabilities, 1) & ~3; at !== 0;) {
      if (list.length === 48) throw new Error('the capability list has a loop');
      list.push({ id: machine.readConfig(at, 1), offset: at });
      at = machine.readConfig(at + 1, 1) & ~3;
    }
    return list;
  }

  /** Whether a BAR is one of I/O ports (PCI 3.0, 6.2.5.1). */
  isIo(index: number): boolean {
    return (this.machine.readConfig(header.bar0 + 4 * index, 4) & 1) === 1;
  }

  /** Size of a BAR in bytes, 0 where there is none (PCI 3.0, 6.2.5.1). */
  barSize(index: number): number {
    const { machine } = this;
    const at = header.bar0 + 4 * index;
    const before = machine.readConfig(at, 4);
    machine.writeConfig(at, 4, 0xffffffff);
    const mask = machine.readConfig(at, 4);
    machine.writeConfig(at, 4, before);
    const flags = mask & 1 ? 3 : 15;
    return mask === 0 ? 0 : (~(mask & ~flags) + 1) >>> 0;
  }

  command(value: number): void {
    this.machine.writeConfig(header.command, 2, value);
  }

  /** Address on the memory bus of an offset into a structure. */
  at(type: number, offset: number): number {
    const found = this.structures.get(type);
    if (!found) throw new Error(`the device has no structure of type ${type}`);
    return this.machine.mapped[found.bar]! + found.offset + offset;
  }

  get(field: CommonField): number {
    const [offset, width] = common[field];
    return this.machine.read(this.at(structure.common, offset), width);
  }

  set(field: CommonField, value: number): void {
    const [offset, width] = common[field];
    this.machine.write(this.at(structure.common, offset), width, value);
  }

  /** A field of the selected queue. */
  getQueue(queue: number, field: CommonField): number {
    this.set('queueSelect', queue);
    return this.get(field);
  }

  setQueue(queue: number, field: CommonField, value: number): void {
    this.set('queueSelect', queue);
    this.set(field, value);
  }

  readDevice(offset: number, width: AccessWidth): number {
    return this.machine.read(this.at(structure.device, offset), width);
  }

  /** ISR status; reading it releases the interrupt line. */
  readIsr(): number {
    return this.machine.read(this.at(structure.isr, 0), 1);
  }

  reset(): void {
    this.set('deviceStatus', 0);
    if (this.get('deviceStatus') !== 0) throw new Error('the device is not reset');
    this.queues.length = 0;
  }

  addStatus(bits: number): void {
    this.set('deviceStatus', this.get('deviceStatus') | bits);
  }

  hasStatus(bits: number): boolean {
    return (this.get('deviceStatus') & bits) === bits;
  }

  /** The features that the device offers: 128 bits. */
  offered(): bigint {
    return featureWords.reduce((offered, word) => {
      this.set('deviceFeatureSelect', word);
      return offered | (BigInt(this.get('deviceFeature')) << BigInt(32 * word));
    }, 0n);
  }

  accept(features: bigint): void {
    for (const word of featureWords) {
      this.set('driverFeatureSelect', word);
      this.set('driverFeature', Number((features >> BigInt(32 * word)) & 0xffffffffn));
    }
    this.features = features;
  }

  /** Steps 1 to 6 of virtio 3.1.1. Whether the device agrees to these features. */
  negotiate(features: bigint): boolean {
    this.reset();
    this.addStatus(status.acknowledge);
    this.addStatus(status.driver);
    this.accept(features);
    this.addStatus(status.featuresOk);
    return this.hasStatus(status.featuresOk);
  }

  driverOk(): void {
    this.addStatus(status.driverOk);
  }

  /** Sets a queue up with rings of its own (virtio 4.1.5.1.3). */
  setUpQueue(index: number, options: QueueOptions = {}): DriverQueue {
    this.set('queueSelect', index);
    const size = options.size ?? this.get('queueSize');
    const Layout = this.has(bit.packed) ? PackedDriver : NaiveDriver;
    const ring = new Layout(this.machine.memory, size, { eventIndex: this.has(bit.eventIndex) });
    this.set('queueSize', size);
    const { descriptorArea, driverArea, deviceArea } = ring.addresses;
    this.setAddresses({ queueDesc: descriptorArea, queueDriver: driverArea, queueDevice: deviceArea });
    if (options.vector !== undefined) this.set('queueMsixVector', options.vector);
    if (options.enable !== false) this.set('queueEnable', 1);
    this.queues[index] = ring;
    return ring;
  }

  /** Addresses of the selected queue, both halves of each. */
  setAddresses(addresses: Partial<Record<'queueDesc' | 'queueDriver' | 'queueDevice', number>>): void {
    for (const [field, address] of Object.entries(addresses)) {
      this.set(field as CommonField, address % 2 ** 32);
      this.set(`${field}High` as CommonField, Math.floor(address / 2 ** 32));
    }
  }

  /** Tells the device of available buffers, whether it wants to know or not (virtio 4.1.4.4, 4.1.5.2). */
  notify(queue: number): void {
    const multiplier = this.machine.readConfig(this.structures.get(structure.notify)!.capability + 16, 4);
    const address = this.at(structure.notify, this.getQueue(queue, 'queueNotifyOff') * multiplier);
    const name = this.has(bit.notifConfigData) ? this.get('queueNotifConfigData') : queue;
    if (!this.has(bit.notificationData)) this.machine.write(address, 2, name);
    else this.machine.write(address, 4, name + (this.queues[queue]?.notificationData ?? 0) * 0x10000);
  }

  /** Resets one queue and waits until it is reset (virtio 2.6.1, 4.1.4.3.2). */
  resetQueue(queue: number): void {
    this.setQueue(queue, 'queueReset', 1);
    if (this.get('queueReset') !== 0 || this.get('queueEnable') !== 0) throw new Error('the queue is not reset');
  }

  /** Tells the device of available buffers where it wants to know. Answers whether it did. */
  kick(queue: number): boolean {
    const wanted = this.queues[queue].kick();
    if (wanted) this.notify(queue);
    return wanted;
  }

  private has(feature: bigint): boolean {
    return ((this.features >> feature) & 1n) === 1n;
  }

  private structureAt(capability: number): Structure {
    const { machine } = this;
    return {
      capability,
      bar: machine.readConfig(capability + 4, 1),
      offset: machine.readConfig(capability + 8, 4),
      length: machine.readConfig(capability + 12, 4),
    };
  }
}
