import type { AccessWidth } from '../../src/virtio/registers.js';
import { NaiveDriver } from './naiveDriver.js';
import { PciDriver, status, type CommonField, type QueueOptions } from './pciDriver.js';

/** The legacy configuration structure in BAR 0 (virtio 4.1.4.10). */
export const legacy = {
  deviceFeature: [0, 4],
  driverFeature: [4, 4],
  queueAddress: [8, 4],
  queueSize: [12, 2],
  queueSelect: [14, 2],
  queueNotify: [16, 2],
  deviceStatus: [18, 1],
  isrStatus: [19, 1],
  configMsixVector: [20, 2],
  queueMsixVector: [22, 2],
} as const satisfies Record<string, readonly [number, AccessWidth]>;
export type LegacyField = keyof typeof legacy;

/** Which only the legacy interface offers (6.3). */
export const notifyOnEmpty = 1n << 24n;
export const anyLayout = 1n << 27n;

const pageBytes = 4096;

/** A driver of transitional virtio-pci devices from before virtio 1.0, written from the sections on the legacy interface. */
export class LegacyDriver extends PciDriver {
  /** Gives the selected queue a ring from this page on, or takes it away with 0. */
  setPage(queue: number, page: number): void {
    this.set('queueSelect', queue);
    this.set('queueAddress', page);
  }

  override get(field: CommonField | LegacyField): number {
    const [offset, width] = register(field);
    return this.machine.read(this.port(offset), width);
  }

  override set(field: CommonField | LegacyField, value: number): void {
    const [offset, width] = register(field);
    this.machine.write(this.port(offset), width, value);
  }

  /** Address on the I/O bus of an offset into BAR 0. */
  port(offset: number): number {
    return this.machine.mapped[0]! + offset;
  }

  /** Where the device configuration begins: MSI-X moves it. */
  get configOffset(): number {
    const msix = this.msixCapability !== undefined && this.machine.readConfig(this.msixCapability + 2, 2) & 0x8000;
    return msix ? 24 : 20;
  }

  override readDevice(offset: number, width: AccessWidth): number {
    return this.machine.read(this.port(this.configOffset + offset), width);
  }

  writeDevice(offset: number, width: AccessWidth, value: number): void {
    this.machine.write(this.port(this.configOffset + offset), width, value);
  }

  override readIsr(): number {
    return this.get('isrStatus');
  }

  override offered(): bigint {
    return BigInt(this.get('deviceFeature'));
  }

  override accept(features: bigint): void {
    this.set('driverFeature', Number(features));
    this.features = features;
  }

  /** The steps of virtio 3.1.1 that 3.1.2 leaves: there is no FEATURES_OK. */
  override negotiate(features: bigint): boolean {
    this.reset();
    this.addStatus(status.acknowledge);
    this.addStatus(status.driver);
    this.accept(features);
    return true;
  }

  /** Sets a queue up in pages of its own (virtio 2.7.2); its size is the device's choice. */
  override setUpQueue(index: number, options: QueueOptions = {}): NaiveDriver {
    this.set('queueSelect', index);
    const ring = this.makeRing(this.get('queueSize'));
    if (options.vector !== undefined) this.set('queueMsixVector', options.vector);
    if (options.enable !== false) this.set('queueAddress', ring.addresses.descriptorArea / pageBytes);
    this.queues[index] = ring;
    return ring;
  }

  override notify(queue: number): void {
    this.set('queueNotify', queue);
  }

  private makeRing(size: number): NaiveDriver {
    const { memory } = this.machine;
    const pages = (bytes: number): number => Math.ceil(bytes / pageBytes) * pageBytes;
    const first = pages(16 * size + 2 * (3 + size));
    const descriptorArea = memory.allocate(first + pages(2 * 3 + 8 * size), pageBytes);
    const driverArea = descriptorArea + 16 * size;
    return new NaiveDriver(memory, size, {
      eventIndex: (this.features & (1n << 29n)) !== 0n,
      addresses: { descriptorArea, driverArea, deviceArea: descriptorArea + first },
    });
  }
}

function register(field: CommonField | LegacyField): readonly [number, AccessWidth] {
  if (field in legacy) return legacy[field as LegacyField];
  throw new Error(`the legacy interface has no ${field}`);
}
