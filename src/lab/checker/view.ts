import { commonField, legacyField, status, type CommonField } from '../../driver/index.js';
import type { RegisterSpace } from '../../pci/function.js';
import type { GuestMemory } from '../../virtio/memory.js';
import type { AccessWidth } from '../../virtio/registers.js';
import type { Layout } from './structures.js';

/** Features are offered and accepted in words of 32 bits. */
const wordBits = 32n;
/** Words that the specification hands out bits of. */
const words = 4;

/** Reads and writes of the device's registers that the checks do not see. */
export type QuietBars = readonly (RegisterSpace | undefined)[];

/** Where a queue is and how large, as its registers say. */
export interface QueuePlace {
  readonly size: number;
  readonly descriptorArea: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}

/** What the registers show of the driver. */
export class DriverView {
  /** The driver uses the legacy interface. */
  legacy = false;
  deviceFeatureSelect = 0;
  driverFeatureSelect = 0;
  queueSelect = 0;
  /** As it wrote them. */
  accepted = 0n;
  /** Everything that the driver did since the last reset has been seen. */
  history: boolean;
  /** Everything that any driver did to the device has been seen, since it was switched on. */
  fresh: boolean;
  /** What the device works with, while it does. */
  working: { readonly features: bigint; readonly memory: GuestMemory } | undefined;
  readonly layout: Layout;
  private readonly bars: QuietBars;

  /** @param untouched no driver has done anything to the device yet */
  constructor(layout: Layout, bars: QuietBars, untouched: boolean) {
    this.layout = layout;
    this.bars = bars;
    this.fresh = this.history = untouched;
    if (!this.history) this.forget();
  }

  /** The status as the device has it now. */
  get status(): number {
    return this.get('deviceStatus');
  }

  /** The driver uses the device, or has it suspended. */
  get driverReady(): boolean {
    return (this.status & (status.driverOk | status.suspend)) !== 0;
  }

  /** The features that the driver is offered through the interface that it uses. */
  get offered(): bigint {
    if (this.legacy) return BigInt(this.bars[0]?.read(legacyField.deviceFeatures.offset, 4) ?? 0);
    const select = this.get('deviceFeatureSelect');
    let offered = 0n;
    for (let word = 0; word < words; word++) {
      this.set('deviceFeatureSelect', word);
      offered |= BigInt(this.get('deviceFeature')) << (wordBits * BigInt(word));
    }
    this.set('deviceFeatureSelect', select);
    return offered;
  }

  /** What the registers say of a queue. */
  queuePlace(index: number): QueuePlace {
    const select = this.get('queueSelect');
    this.set('queueSelect', index);
    const address = (low: CommonField, high: CommonField): number => this.get(low) + this.get(high) * 2 ** 32;
    const place = {
      size: this.get('queueSize'),
      descriptorArea: address('queueDescLow', 'queueDescHigh'),
      driverArea: address('queueDriverLow', 'queueDriverHigh'),
      deviceArea: address('queueDeviceLow', 'queueDeviceHigh'),
    };
    this.set('queueSelect', select);
    return place;
  }

  /** A field of a queue. */
  queueField(index: number, field: CommonField): number {
    const select = this.get('queueSelect');
    this.set('queueSelect', index);
    const value = this.get(field);
    this.set('queueSelect', select);
    return value;
  }

  /** A field of the selected queue, or of the device. */
  get(field: CommonField): number {
    const { offset, width } = commonField[field];
    return this.at((bar, base) => bar.read(base + offset, width));
  }

  /** The device configuration, as the driver would read it. */
  config(offset: number, width: AccessWidth): number {
    const device = this.layout.structures.find(({ name }) => name === 'device');
    return device ? (this.bars[device.bar]?.read(device.offset + offset, width) ?? 0) : 0;
  }

  /** Follows what the driver wrote. */
  wrote(field: CommonField, value: number): void {
    if (field === 'deviceFeatureSelect' || field === 'driverFeatureSelect' || field === 'queueSelect') {
      this[field] = value;
    } else if (field === 'driverFeature') {
      const word = this.legacy ? 0 : this.driverFeatureSelect;
      const shift = wordBits * BigInt(word);
      this.accepted = (this.accepted & ~(0xffffffffn << shift)) | (BigInt(value >>> 0) << shift);
    }
  }

  /** The driver reset the device: all that matters from now on will be seen. */
  reset(): void {
    this.accepted = 0n;
    this.deviceFeatureSelect = this.driverFeatureSelect = this.queueSelect = 0;
    this.history = true;
  }

  /** The machine reset the device: there is a new driver. */
  powerOn(): void {
    this.reset();
    this.legacy = false;
    this.fresh = true;
  }

  /** Nothing is known of what the driver did up to now. */
  lose(): void {
    this.history = this.fresh = false;
  }

  /** The driver goes on with what nobody saw: the device was restored, or is watched from its middle on. */
  forget(): void {
    this.lose();
    this.deviceFeatureSelect = this.get('deviceFeatureSelect');
    this.driverFeatureSelect = this.get('driverFeatureSelect');
    this.queueSelect = this.get('queueSelect');
    this.accepted = 0n;
    for (let word = 0; word < words; word++) {
      this.set('driverFeatureSelect', word);
      this.accepted |= BigInt(this.get('driverFeature')) << (wordBits * BigInt(word));
    }
    this.set('driverFeatureSelect', this.driverFeatureSelect);
  }

  private set(field: CommonField, value: number): void {
    const { offset, width } = commonField[field];
    this.at((bar, base) => {
      bar.write(base + offset, width, value);
      return 0;
    });
  }

  private at(access: (bar: RegisterSpace, base: number) => number): number {
    const common = this.layout.structures.find(({ name }) => name === 'common')!;
    return access(this.bars[common.bar]!, common.offset);
  }
}
