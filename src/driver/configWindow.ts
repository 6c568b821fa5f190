import type { Width } from './machine.js';
import type { PciCard } from './pciCard.js';
import type { Registers } from './registers.js';

/** Fields of struct virtio_pci_cfg_cap, from the start of the capability. */
const field = { bar: 4, offset: 8, length: 12, data: 16 } as const;

/**
 * What is behind a BAR, reached through the PCI configuration access capability (virtio 4.1.4.9): slow, but it needs no
 * BAR to be placed.
 * @param at the capability's place in configuration space
 */
export function windowRegisters(card: PciCard, at: number, bar: number): Registers {
  const aim = async (offset: number, width: Width): Promise<void> => {
    await card.write(at + field.bar, 1, bar);
    await card.write(at + field.length, 4, width);
    await card.write(at + field.offset, 4, offset);
  };
  return {
    read: async (offset, width) => {
      await aim(offset, width);
      return card.read(at + field.data, width);
    },
    write: async (offset, width, value) => {
      await aim(offset, width);
      await card.write(at + field.data, width, value);
    },
  };
}
