import type { PciCard } from './pciCard.js';

/** Capability ids (PCI 3.0, appendix H). */
const vendorCapability = 0x09;

/** `cfg_type` of a virtio structure capability (virtio 4.1.4). */
export const structureType = {
  common: 1,
  notify: 2,
  isr: 3,
  device: 4,
  pci: 5,
  sharedMemory: 8,
  vendor: 9,
} as const;

/** BAR numbers above this are reserved, and the driver must ignore the capability (4.1.4.1). */
const lastBar = 5;

/** struct virtio_pci_cap, and what comes behind it. */
export interface Structure {
  readonly type: number;
  readonly bar: number;
  readonly id: number;
  /** Within the BAR. */
  readonly offset: number;
  readonly length: number;
  /** `notify_off_multiplier`, in a notification capability. */
  readonly notifyMultiplier: number;
  /** Of the capability: where it is in configuration space, and its `cap_len`. */
  readonly at: number;
  readonly capabilityLength: number;
}

/** Every virtio structure capability, in the list's order, which is the device's order of preference. */
export async function readStructures(card: PciCard): Promise<Structure[]> {
  const structures: Structure[] = [];
  for (const { id, offset: at } of await card.capabilities()) {
    if (id !== vendorCapability) continue;
    const type = await card.read(at + 3, 1);
    structures.push({
      type,
      bar: await card.read(at + 4, 1),
      id: await card.read(at + 5, 1),
      offset: await card.read(at + 8, 4),
      length: await card.read(at + 12, 4),
      notifyMultiplier: type === structureType.notify ? await card.read(at + 16, 4) : 0,
      at,
      capabilityLength: await card.read(at + 2, 1),
    });
  }
  return structures;
}

/** The structure that a driver uses: the first of its type whose BAR is not a reserved value. */
export function firstOf(structures: readonly Structure[], type: number): Structure | undefined {
  return structures.find((structure) => structure.type === type && structure.bar <= lastBar);
}
