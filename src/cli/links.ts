import { ConditionedLink, type FabricPortCounters, type LinkLaneCounters } from '../fabric/index.js';
import { systemClock } from '../hosts/v86/clock.js';
import { dropReasons, type DropReason } from '../net/index.js';
import { before, type Backend } from './backends.js';

/** A backend whose ports have links with conditions before them, where there are any. */
export function conditioned(backend: Backend): Backend {
  return before(backend, (port, about) => {
    if (!about?.conditions) return port;
    const link = new ConditionedLink(port, about.conditions, { clock: systemClock });
    return Object.assign(link.port, { counters: () => withLosses(port.counters(), link.counters()) });
  });
}

/** The counters of a port, with what its link lost on either way among the frames that were dropped. */
function withLosses(
  { name, lanes }: FabricPortCounters,
  { fromCard, toCard }: { fromCard: LinkLaneCounters[]; toCard: LinkLaneCounters[] },
): FabricPortCounters {
  return {
    name,
    lanes: lanes.map((lane, index) => {
      const all = [lane, fromCard.at(index), toCard.at(index)];
      const sum = (reason: DropReason): number => all.reduce((total, one) => total + (one?.dropped[reason] ?? 0), 0);
      const reasons = (Object.keys(dropReasons) as DropReason[]).filter((reason) => sum(reason) > 0);
      return { ...lane, dropped: Object.fromEntries(reasons.map((reason) => [reason, sum(reason)])) };
    }),
  };
}
