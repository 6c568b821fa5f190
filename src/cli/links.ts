import { ConditionedLink, type FabricPortCounters, type LinkLaneCounters } from '../fabric/index.js';
import { systemClock } from '../hosts/v86/clock.js';
import { before, type Backend } from './backends.js';
import { allDropped } from '../net/index.js';

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
    lanes: lanes.map((lane, index) => ({
      ...lane,
      dropped: allDropped([lane, fromCard.at(index), toCard.at(index)]),
    })),
  };
}
