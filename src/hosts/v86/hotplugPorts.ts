import { RegisterBlock } from '../../virtio/registers.js';

/** Where the PIIX4's ACPI PCI hot-plug registers are, as QEMU documents them (docs/specs/acpi_pci_hotplug). */
export const hotplugBase = 0xae00;

/** Sets of slots, one bit for each. */
export interface HotplugSlots {
  /** Those with cards that the guest is to have. */
  up(): number;
  /** Those with cards that the guest is to give up. */
  down(): number;
  /** The guest gives these up. */
  eject(slots: number): void;
  /** Those whose cards may come and go. */
  removable(): number;
}

/**
 * The registers through which firmware's ACPI tables learn of cards that come and go. v86 leaves the ports empty, so that
 * they read as all ones: every slot is to be emptied, and Linux does so.
 */
export function hotplugRegisters(slots: HotplugSlots): RegisterBlock {
  return new RegisterBlock(0x10, [
    { name: 'up', offset: 0x0, width: 4, read: () => slots.up() },
    { name: 'down', offset: 0x4, width: 4, read: () => slots.down() },
    // Reading tells which features there are beyond these registers.
    { name: 'eject', offset: 0x8, width: 4, mask: 0xffffffff, read: () => 0, write: (value) => slots.eject(value) },
    // Read by firmware at power-on, which leaves _EJ0 out of its tables for slots that are not in it.
    { name: 'removable', offset: 0xc, width: 4, read: () => slots.removable() },
  ]);
}
