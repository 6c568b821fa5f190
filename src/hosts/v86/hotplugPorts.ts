import { RegisterBlock } from '../../virtio/registers.js';

/** Where the PIIX4's ACPI PCI hot-plug registers are, as QEMU documents them (docs/specs/acpi_pci_hotplug). */
export const hotplugBase = 0xae00;

/**
 * The registers through which firmware's ACPI tables learn of cards that come and go, one bit for each slot. v86 leaves
 * the ports empty, so that they read as all ones: every slot has just been filled, and is to be emptied. Linux then ejects
 * nearly all of its devices. Here nothing is pending and nothing can be removed, which is the truth.
 */
export function hotplugRegisters(): RegisterBlock {
  return new RegisterBlock(0x10, [
    { name: 'up', offset: 0x0, width: 4 },
    { name: 'down', offset: 0x4, width: 4 },
    // Writing ejects slots; reading tells which features there are beyond these registers.
    { name: 'eject', offset: 0x8, width: 4, read: () => 0 },
    { name: 'removable', offset: 0xc, width: 4 },
  ]);
}
