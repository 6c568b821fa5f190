import {
  hasFeature,
  legacyBits,
  legacyOnly,
  refuseFeatures,
  VIRTIO_F_SUSPEND,
  VIRTIO_F_VERSION_1,
  type Feature,
  type Features,
  type Refusal,
} from './features.js';
import { DriverFault, type DriverRule } from './rules.js';
import { deviceStatus } from './status.js';

const { ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, SUSPEND, DEVICE_NEEDS_RESET, FAILED } = deviceStatus;
/** Bits that a driver may set, and that stay as it set them. SUSPEND and what it does to DRIVER_OK stand apart. */
const driverBits = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;
/** The same through the legacy interface, which has no FEATURES_OK (3.1.2). */
const legacyDriverBits = driverBits & ~FEATURES_OK;
/** Feature bits are offered and accepted in words of 32; 128 bits are more than the specification hands out. */
const featureWords = 4;
/** Stands for every bit beyond those words. */
const bitsBeyond: Features = 1n << 128n;

/** What a negotiation tells whoever owns it. */
export interface NegotiationEvents {
  /** The driver wrote 0 to the status: forget everything about it. */
  reset(): void;
  /** The driver is ready for the first time since the last reset. */
  driverOk(): void;
  /** The driver wants the device to stand still: `suspended` is to be set when it does. */
  suspend(): void;
  /** The driver wants a suspended device to go on; it is not suspended any more. */
  resume(): void;
  /** FEATURES_OK was accepted or refused, or a legacy driver's features were settled. */
  negotiated(): void;
  /** The driver broke a rule, and the device can go on. */
  violation(fault: DriverFault): void;
}

/** What can be negotiated, and by which rules; a VirtioDevice is one. */
export interface Negotiable {
  readonly offeredFeatures: Features;
  readonly featureTable: readonly Feature[];
}

export interface NegotiationState {
  status: number;
  accepted: string;
  /** Absent unless the driver uses the legacy interface. */
  legacy?: LegacyUse;
}

/** How far a driver has come through the legacy interface: it wrote its features; it uses the device. */
type LegacyUse = 'accepted' | 'ready';

/** The device status field and the feature bits: how a driver and a device agree (virtio 2.1, 2.2, 3.1). */
export class Negotiation {
  /** The device status field. */
  status = 0;
  /** Why FEATURES_OK was refused last, if it was; of a legacy driver, why it has not all that it accepted. */
  refusals: readonly Refusal[] = [];
  private accepted: Features = 0n;
  private legacy: LegacyUse | undefined;
  private readonly device: Negotiable;
  private readonly events: NegotiationEvents;

  constructor(device: Negotiable, events: NegotiationEvents) {
    this.device = device;
    this.events = events;
  }

  /** The driver's bits so far. */
  get features(): Features {
    return this.accepted;
  }

  /** The features are those that the driver accepted, and stay so until the next reset. */
  get settled(): boolean {
    return (this.status & FEATURES_OK) !== 0 || this.legacy === 'ready';
  }

  /** The driver uses the device: it set DRIVER_OK, or began without that through the legacy interface. */
  get driverReady(): boolean {
    return (this.status & (DRIVER_OK | SUSPEND)) !== 0 || this.legacy === 'ready';
  }

  /** The device stands still until the driver has it go on (virtio 1.4, 3.4). */
  get suspended(): boolean {
    return (this.status & SUSPEND) !== 0;
  }

  set suspended(suspended: boolean) {
    this.status = (this.status & ~(DRIVER_OK | SUSPEND)) | (suspended ? SUSPEND : DRIVER_OK);
  }

  /** The driver uses the device through the legacy interface (2.2.3). */
  get usesLegacy(): boolean {
    return this.legacy === 'ready';
  }

  /** The features that the device offers through the interface that the driver uses. */
  get offered(): Features {
    return this.legacy ? this.offeredLegacy : this.offeredModern;
  }

  get offeredLegacy(): Features {
    return this.device.offeredFeatures & legacyBits;
  }

  private get offeredModern(): Features {
    return this.device.offeredFeatures & ~legacyOnly(this.device.featureTable);
  }

  get needsReset(): boolean {
    return (this.status & DEVICE_NEEDS_RESET) !== 0;
  }

  /** Feature bits 32 × select to 32 × select + 31 that the device offers. */
  offeredWord(select: number): number {
    return featureWord(this.offeredModern, select);
  }

  /** The same of those that the driver accepted. */
  acceptedWord(select: number): number {
    return featureWord(this.accepted, select);
  }

  /** The driver accepts these of bits 32 × select to 32 × select + 31. */
  accept(select: number, word: number): void {
    if (this.settled) {
      this.violate('features-after-ok', `0x${word.toString(16)} in word ${select}`);
      return;
    }
    this.legacy = undefined;
    if (select >= featureWords) {
      if (word !== 0) this.accepted |= bitsBeyond;
      return;
    }
    const shift = 32n * BigInt(select);
    this.accepted = (this.accepted & ~(0xffffffffn << shift)) | (BigInt(word >>> 0) << shift);
  }

  /** The driver writes the status field. */
  writeStatus(value: number): void {
    if (value === 0) {
      this.events.reset();
      return;
    }
    if (this.suspended) {
      if (value & DRIVER_OK) this.resume();
      return;
    }
    const before = this.status;
    let added = this.added(value, driverBits);
    if (added & FEATURES_OK) {
      const refusal = this.refuseModern();
      this.refusals = refusal ? [refusal] : [];
      if (refusal) added &= ~FEATURES_OK;
    }
    if (added & DRIVER_OK && !((before | added) & FEATURES_OK)) {
      this.violate('driver-ok-too-early', `status 0x${before.toString(16)}`);
      added &= ~DRIVER_OK;
    }
    this.status = before | added;
    if (value & FEATURES_OK & ~before) {
      this.tellNegotiated();
    }
    if (added & DRIVER_OK) this.events.driverOk();
    // Before DRIVER_OK there is nothing to suspend, and a device that needs a reset stands still already.
    const mayBeSuspended = before & DRIVER_OK && !this.needsReset && hasFeature(this.accepted, VIRTIO_F_SUSPEND);
    if (value & SUSPEND && mayBeSuspended) this.events.suspend();
  }

  /** The driver accepts features through the legacy interface, which has bits 0 to 31 and no others (4.1.4.10). */
  acceptLegacy(word: number): void {
    if (this.settled) {
      this.violate('features-after-ok', `0x${word.toString(16)} through the legacy interface`);
      return;
    }
    this.accepted = BigInt(word >>> 0);
    this.legacy = 'accepted';
  }

  /** The driver writes the status field through the legacy interface, where DRIVER_OK comes without FEATURES_OK (3.1.2). */
  writeLegacyStatus(value: number): void {
    if (value === 0) {
      this.events.reset();
      return;
    }
    const added = this.added(value, legacyDriverBits);
    this.status |= added;
    if (added & DRIVER_OK && this.legacy !== 'ready') this.begin();
  }

  /**
   * The driver uses the device. Through the legacy interface it may do so before DRIVER_OK (3.1.2), which begins the work
   * if it has told its features already; otherwise what it made available is found at DRIVER_OK.
   */
  usedLegacy(): void {
    if (!this.settled && this.legacy === 'accepted') this.begin();
  }

  /** The device can't go on until the driver resets it. Answers whether the driver is to be told (2.1.2). */
  failDevice(): boolean {
    const before = this.status;
    this.status |= DEVICE_NEEDS_RESET;
    return this.driverReady && (before & DEVICE_NEEDS_RESET) === 0;
  }

  reset(): void {
    this.status = 0;
    this.accepted = 0n;
    this.legacy = undefined;
    this.refusals = [];
  }

  save(): NegotiationState {
    const { status, accepted, legacy } = this;
    return { status, accepted: accepted.toString(16), ...(legacy && { legacy }) };
  }

  restore(state: NegotiationState): void {
    this.status = state.status;
    this.accepted = BigInt(`0x${state.accepted}`);
    this.legacy = state.legacy;
    this.refusals = [];
  }

  private resume(): void {
    this.suspended = false;
    this.events.resume();
  }

  /** The bits that a write to the status adds; it can take none away (2.1.1). */
  private added(value: number, bits: number): number {
    const before = this.status & bits;
    if ((before & ~value) !== 0) {
      this.violate('status-cleared', `0x${this.status.toString(16)} became 0x${value.toString(16)}`);
    }
    return value & bits & ~before;
  }

  private begin(): void {
    if (!this.settled) this.settleLegacy();
    this.events.driverOk();
  }

  /** A legacy driver can't be refused: it gets of its features what it can have. */
  private settleLegacy(): void {
    const refusals: Refusal[] = [];
    this.legacy = 'ready';
    this.accepted &= legacyBits;
    for (let refusal = this.refuse(); refusal; refusal = this.refuse()) {
      this.accepted &= ~refusal.features;
      refusals.push(refusal);
    }
    this.refusals = refusals;
    this.tellNegotiated();
  }

  private tellNegotiated(): void {
    this.events.negotiated();
    for (const { rule, reason } of this.refusals) this.violate(rule, reason);
  }

  private refuse(): Refusal | undefined {
    return refuseFeatures(this.accepted, this.offered, this.device.featureTable);
  }

  /** Why FEATURES_OK can't be had; only the modern interface has one, and it needs VERSION_1 (6.2). */
  private refuseModern(): Refusal | undefined {
    const refusal = this.refuse();
    if (refusal || hasFeature(this.accepted, VIRTIO_F_VERSION_1)) return refusal;
    const reason = 'a driver of the modern interface accepts VIRTIO_F_VERSION_1';
    return { rule: 'feature-dependency', features: this.accepted, reason };
  }

  private violate(rule: DriverRule, detail: string): void {
    this.events.violation(new DriverFault(rule, detail));
  }
}

function featureWord(features: Features, select: number): number {
  return select < featureWords ? Number((features >> (32n * BigInt(select))) & 0xffffffffn) : 0;
}
