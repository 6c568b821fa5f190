import type { PortLosses } from '../fabric/index.js';
import type { VirtioNetCard } from '../hosts/v86/index.js';
import { allDropped, type LaneCounters } from '../net/index.js';

/** The counters of a card, with the frames that these ports of the fabric dropped among those dropped. */
export function withLosses(lanes: readonly LaneCounters[], fabric: readonly PortLosses[]): LaneCounters[] {
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
  ports: readonly PortLosses[],
  card: VirtioNetCard,
  cards: readonly VirtioNetCard[],
): PortLosses[] {
  const before = cards.slice(0, cards.indexOf(card));
  const told = Math.max(0, ...before.map(({ device }) => device.maxQueuePairs));
  return ports.map(({ name, lanes }) => ({
    name,
    lanes: lanes.map((lane, pair) => ({ dropped: pair < told ? {} : lane.dropped })),
  }));
}
