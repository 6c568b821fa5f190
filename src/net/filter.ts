import { hasFeature, type Features } from '../virtio/features.js';
import { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_MAC } from './features.js';
import { countFiltered, type FilterReason, type LaneCounters } from './link/counters.js';
import { ethernetHeaderBytes, type Frame, type Head } from './link/frame.js';
import { isGroup } from './link/mac.js';
import { macKey, AddressTable, type AddressTableState } from './addressTable.js';

/** How frames are received, whatever the tables say: a mode for each VIRTIO_NET_CTRL_RX command. */
export interface ReceiveModes {
  promiscuous: boolean;
  allMulticast: boolean;
  allUnicast: boolean;
  noMulticast: boolean;
  noUnicast: boolean;
  noBroadcast: boolean;
}

/**
 * Promiscuous until the driver says otherwise, as QEMU's card is: a driver that never sends a command sees what it would
 * without the feature.
 */
const initialModes: ReceiveModes = {
  promiscuous: true,
  allMulticast: false,
  allUnicast: false,
  noMulticast: false,
  noUnicast: false,
  noBroadcast: false,
};

export interface FilterState {
  modes: ReceiveModes;
  /** The driver set the card's address. */
  addressSet: boolean;
  unicast: AddressTableState;
  multicast: AddressTableState;
  vlans: number[];
}

const broadcast = 0xffff_ffff_ffff;
const typeAt = 12;
/** The type of a frame with a customer's VLAN tag (802.1Q); the provider's tags (802.1ad) are payload to this filter. */
const vlanType = [0x81, 0x00] as const;
/** The low 12 bits of the tag. */
const vlanIds = 0x1000;

/**
 * What the driver wants to receive (virtio 5.1.6.5.1 to 5.1.6.5.3). Each part works only where its feature was
 * negotiated; without any the card passes everything on.
 */
export class ReceiveFilter {
  modes: ReceiveModes = { ...initialModes };
  readonly unicast = new AddressTable();
  readonly multicast = new AddressTable();
  private readonly vlans = new Set<number>();
  /** The driver set the card's address. */
  private addressSet = false;
  /** What was negotiated. */
  private filtersAddresses = false;
  private filtersVlans = false;
  private givesAddress = false;
  private readonly mac: Uint8Array;

  /** @param mac the card's address, as it is at any time */
  constructor(mac: Uint8Array) {
    this.mac = mac;
  }

  /** The driver is ready, with these features. */
  activate(features: Features): void {
    this.filtersAddresses = hasFeature(features, VIRTIO_NET_F_CTRL_RX);
    this.filtersVlans = hasFeature(features, VIRTIO_NET_F_CTRL_VLAN);
    this.givesAddress = hasFeature(features, VIRTIO_NET_F_MAC);
  }

  reset(): void {
    this.modes = { ...initialModes };
    this.unicast.set(new Uint8Array(0));
    this.multicast.set(new Uint8Array(0));
    this.vlans.clear();
    this.addressSet = false;
    this.activate(0n);
  }

  /** Whether the driver does not want this frame; it is counted then. */
  stops(frame: Frame, counters: LaneCounters): boolean {
    if (frame.length < ethernetHeaderBytes) return false;
    const reason = this.rejects(frame.head());
    if (reason) countFiltered(counters, reason, frame);
    return reason !== undefined;
  }

  /** The card's address is one that the driver chose. */
  noteAddress(): void {
    this.addressSet = true;
  }

  /** Answers false for what is no VLAN. */
  addVlan(id: number): boolean {
    if (id >= vlanIds) return false;
    this.vlans.add(id);
    return true;
  }

  /** Answers false for what is no VLAN. */
  removeVlan(id: number): boolean {
    this.vlans.delete(id);
    return id < vlanIds;
  }

  save(): FilterState {
    return {
      modes: { ...this.modes },
      addressSet: this.addressSet,
      unicast: this.unicast.save(),
      multicast: this.multicast.save(),
      vlans: Array.from(this.vlans),
    };
  }

  restore(state: FilterState): void {
    this.reset();
    this.modes = { ...state.modes };
    this.addressSet = state.addressSet;
    this.unicast.restore(state.unicast);
    this.multicast.restore(state.multicast);
    for (const id of state.vlans) this.vlans.add(id);
  }

  private rejects(head: Head): FilterReason | undefined {
    // Promiscuous mode is for all incoming packets, those of other VLANs too.
    if (this.filtersAddresses && this.modes.promiscuous) return undefined;
    if (this.filtersVlans && !this.wantsVlan(head)) return 'vlan';
    return this.filtersAddresses ? this.rejectsAddress(head) : undefined;
  }

  private rejectsAddress({ bytes, start }: Head): FilterReason | undefined {
    const { modes } = this;
    const address = macKey(bytes, start);
    if (address === broadcast) return modes.noBroadcast ? 'broadcast' : undefined;
    if (isGroup(bytes, start)) {
      if (modes.noMulticast) return 'multicast';
      return modes.allMulticast || this.multicast.has(address) ? undefined : 'multicast';
    }
    if (modes.noUnicast) return 'unicast';
    return modes.allUnicast || this.isOwn(address) || this.unicast.has(address) ? undefined : 'unicast';
  }

  /** A driver that neither took the card's address nor set one has an address that the card does not know: any may be it. */
  private isOwn(address: number): boolean {
    return address === macKey(this.mac, 0) || !(this.givesAddress || this.addressSet);
  }

  private wantsVlan({ bytes, start, end }: Head): boolean {
    const at = start + typeAt;
    if (end < at + 4 || bytes[at] !== vlanType[0] || bytes[at + 1] !== vlanType[1]) return true;
    return this.vlans.has(((bytes[at + 2] << 8) | bytes[at + 3]) & (vlanIds - 1));
  }
}
