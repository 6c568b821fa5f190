import { macBytes } from './link/mac.js';
import { read16, read32 } from './link/words.js';

/** Addresses that a table holds before it takes everything; beyond it nobody would have asked for most of them. */
export const addressTableEntries = 4096;

/** What a filter lets through of one kind of address: those in the table, or all once it was given too many. */
export interface AddressTableState {
  /** Each as one number of 48 bits, its first byte the highest. */
  addresses: number[];
  overflow: boolean;
}

/** A table of MAC addresses as big as it is asked to be, up to a limit; beyond that it has every address (virtio 5.1.6.5.2). */
export class AddressTable {
  private addresses = new Set<number>();
  private overflow = false;

  /** Whether frames to this address, as `macKey` has it, are wanted. */
  has(key: number): boolean {
    return this.overflow || this.addresses.has(key);
  }

  /** Takes these addresses, one behind the other, in place of those it had. */
  set(macs: Uint8Array): void {
    const count = macs.length / macBytes;
    this.overflow = count > addressTableEntries;
    this.addresses = new Set();
    if (this.overflow) return;
    for (let at = 0; at < macs.length; at += macBytes) this.addresses.add(macKey(macs, at));
  }

  save(): AddressTableState {
    return { addresses: Array.from(this.addresses), overflow: this.overflow };
  }

  restore(state: AddressTableState): void {
    this.addresses = new Set(state.addresses);
    this.overflow = state.overflow;
  }
}

/** The address at `at` as one number of 48 bits. */
export function macKey(bytes: Uint8Array, at: number): number {
  return read16(bytes, at) * 0x1_0000_0000 + read32(bytes, at + 2);
}
