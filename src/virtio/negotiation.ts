import { refuseFeatures, type Feature, type Features, type Refusal } from './features.js';
import { DriverFault, type DriverRule } from './rules.js';
import { deviceStatus } from './status.js';

const { ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, DEVICE_NEEDS_RESET, FAILED } = deviceStatus;
/** Bits that a driver may set; others have no meaning as long as the features that give it one are not offered. */
const driverBits = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;
/** Feature bits are offered and accepted in words of 32; 128 bits are more than the specification hands out. */
const featureWords = 4;
/** Stands for every bit beyond those words. */
const bitsBeyond: Features = 1n << 128n;

/** What a negotiation tells whoever owns it. */
export interface NegotiationEvents {
  /** The driver wrote 0 to the status: forget everything about it. */
  reset(): void;
  /** DRIVER_OK was set for the first time since the last reset. */
  driverOk(): void;
  /** FEATURES_OK was accepted or refused. */
  negotiated(refusal: Refusal | undefined): void;
  /** The driver broke a rule, and the device can go on. */
  violation(fault: DriverFault): void;
}

/** What can be negotiated, and by which rules; a VirtioDevice is one. */
export interface Negotiable {
  readonly offeredFeatures: Features;
  readonly featureTable: readonly Feature[];
  refuse?(accepted: Features): Refusal | undefined;
}

export interface NegotiationState {
  status: number;
  accepted: string;
}

/** The device status field and the feature bits: how a driver and a device agree (virtio 2.1, 2.2, 3.1). */
export class Negotiation {
  /** The device status field. */
  status = 0;
  /** Why FEATURES_OK was refused last, if it was. */
  refusal: Refusal | undefined;
  private accepted: Features = 0n;
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

  get driverReady(): boolean {
    return (this.status & DRIVER_OK) !== 0;
  }

  get needsReset(): boolean {
    return (this.status & DEVICE_NEEDS_RESET) !== 0;
  }

  /** Feature bits 32 × select to 32 × select + 31 that the device offers. */
  offeredWord(select: number): number {
    return featureWord(this.device.offeredFeatures, select);
  }

  /** The same of those that the driver accepted. */
  acceptedWord(select: number): number {
    return featureWord(this.accepted, select);
  }

  /** The driver accepts these of bits 32 × select to 32 × select + 31. */
  accept(select: number, word: number): void {
    if (this.status & FEATURES_OK) {
      this.violate('features-after-ok', `0x${word.toString(16)} in word ${select}`);
      return;
    }
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
    const before = this.status;
    if ((before & driverBits & ~value) !== 0) {
      this.violate('status-cleared', `0x${before.toString(16)} became 0x${value.toString(16)}`);
    }
    let added = value & driverBits & ~before;
    if (added & FEATURES_OK) {
      this.refusal = this.refuse();
      if (this.refusal) added &= ~FEATURES_OK;
    }
    if (added & DRIVER_OK && !((before | added) & FEATURES_OK)) {
      this.violate('driver-ok-too-early', `status 0x${before.toString(16)}`);
      added &= ~DRIVER_OK;
    }
    this.status = before | added;
    if (value & FEATURES_OK & ~before) {
      this.events.negotiated(this.refusal);
      if (this.refusal) this.violate(this.refusal.rule, this.refusal.reason);
    }
    if (added & DRIVER_OK) this.events.driverOk();
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
    this.refusal = undefined;
  }

  save(): NegotiationState {
    return { status: this.status, accepted: this.accepted.toString(16) };
  }

  restore(state: NegotiationState): void {
    this.status = state.status;
    this.accepted = BigInt(`0x${state.accepted}`);
    this.refusal = undefined;
  }

  private refuse(): Refusal | undefined {
    const { device, accepted } = this;
    return refuseFeatures(accepted, device.offeredFeatures, device.featureTable) ?? device.refuse?.(accepted);
  }

  private violate(rule: DriverRule, detail: string): void {
    this.events.violation(new DriverFault(rule, detail));
  }
}

function featureWord(features: Features, select: number): number {
  return select < featureWords ? Number((features >> (32n * BigInt(select))) & 0xffffffffn) : 0;
}
