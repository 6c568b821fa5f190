import { LegacyTransport } from './legacy.js';
import type { Machine } from './machine.js';
import { DriverMemory } from './memory.js';
import { ModernTransport } from './modern.js';
import { findVirtioCard } from './pciCard.js';
import type { Transport } from './transport.js';

/**
 * The machine's network card, found and with its BARs in their places, in memory that is all new; nothing of virtio has
 * been written.
 * @throws UnexpectedCard when there is none, or it is not one that can be used so
 */
export async function openModern(machine: Machine, through: 'bars' | 'window' = 'bars'): Promise<ModernTransport> {
  const card = await findVirtioCard(machine);
  await card.placeBars();
  return ModernTransport.open(card, new DriverMemory(machine), { through });
}

/** The same by the legacy interface of a transitional card. */
export async function openLegacy(machine: Machine): Promise<LegacyTransport> {
  const card = await findVirtioCard(machine);
  await card.placeBars();
  return LegacyTransport.open(card, new DriverMemory(machine));
}

export function openTransport(machine: Machine, through: 'bars' | 'window' | 'legacy' = 'bars'): Promise<Transport> {
  return through === 'legacy' ? openLegacy(machine) : openModern(machine, through);
}
