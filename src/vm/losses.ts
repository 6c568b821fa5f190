import type { FabricPortCounters } from '../fabric/index.js';
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
