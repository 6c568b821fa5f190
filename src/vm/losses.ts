import type { FabricPortCounters } from '../fabric/index.js';
import type { VirtioNetCard } from '../hosts/v86/index.js';
import { dropReasons, type DropReason, type LaneCounters } from '../net/index.js';

type Losses = Partial<Record<DropReason, number>>;

/** What was dropped in all of several places, by reason; reasons that never occurred are absent. */
export function allDropped(places: readonly ({ readonly dropped: Losses } | undefined)[]): Losses {
  const sum = (reason: DropReason): number => places.reduce((total, place) => total + (place?.dropped[reason] ?? 0), 0);
  const reasons = (Object.keys(dropReasons) as DropReason[]).filter((reason) => sum(reason) > 0);
  return Object.fromEntries(reasons.map((reason) => [reason, sum(reason)]));
}

/** The counters of a card, with the frames that these ports of the fabric dropped among those dropped. */
export function withLosses(lanes: readonly LaneCounters[], fabric: readonly FabricPortCounters[]): LaneCounters[] {
  return lanes.map((lane, pair) => ({
    ...lane,
    dropped: allDropped([lane, ...fabric.map((port) => port.lanes.at(pair))]),
  }));
}

/**
 * What ports lost that carry the frames of all cards of a guest, as far as this card tells of it: each pair's losses are
 * told with the first card that has the pair, so that a sum over the cards counts them once.
 * @param cards in the order in which they were plugged in
 */
export function shareOfLosses(
  ports: readonly FabricPortCounters[],
  card: VirtioNetCard,
  cards: readonly VirtioNetCard[],
): FabricPortCounters[] {
  const before = cards.slice(0, cards.indexOf(card));
  const told = Math.max(0, ...before.map(({ device }) => device.maxQueuePairs));
  return ports.map(({ name, lanes }) => ({
    name,
    lanes: lanes.map((lane, pair) => (pair < told ? { ...lane, dropped: {} } : lane)),
  }));
}
