import type { Features } from '../virtio/features.js';
import { offloadsOf, receiveOffloads } from './offloads.js';

/** The features of packets received that the driver can turn off and on again (virtio 5.1.6.5.8). */
const switchable: Features = receiveOffloads.reduce((all, [bit]) => all | bit, 0n);

/** What of a packet received the driver takes as it is; it can turn that off and on while it runs (virtio 5.1.6.5.8). */
export class GuestOffloads {
  /** Those that are on, as bits of `offload`. */
  receivable = 0;
  private negotiated: Features = 0n;
  /** What the driver turned on last; undefined where it never did, and all is on that was negotiated. */
  private chosen: Features | undefined;

  /** The driver is ready, with these features. */
  activate(features: Features): void {
    this.negotiated = features & switchable;
    this.use(this.chosen);
  }

  reset(): void {
    this.negotiated = 0n;
    this.use(undefined);
  }

  /** VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET; frames that wait are finished as it is now. */
  set(bits: Features): boolean {
    // Nothing is negotiated but what this card knows, and so offloads that it does not know are refused too.
    if (bits & ~this.negotiated) return false;
    this.use(bits);
    return true;
  }

  /** What the driver turned on last, in hexadecimal; undefined where it never did. */
  save(): string | undefined {
    return this.chosen?.toString(16);
  }

  /** To be activated with the features of the card that was saved, or with those that its driver will choose. */
  restore(saved: string | undefined): void {
    this.chosen = saved === undefined ? undefined : BigInt(`0x${saved}`);
  }

  private use(chosen: Features | undefined): void {
    this.chosen = chosen;
    this.receivable = offloadsOf(chosen ?? this.negotiated, receiveOffloads);
  }
}
