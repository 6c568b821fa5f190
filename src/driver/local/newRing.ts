import type { LocalMemory } from './memory.js';
import { LocalPackedRing } from './packedRing.js';
import type { LocalRing, LocalRingOptions, RingPlace } from './ring.js';
import { LocalSplitRing } from './splitRing.js';

/** The driver's side of a ring in zeroed memory, in the layout that the place has. */
export function localRing(memory: LocalMemory, place: RingPlace, options: LocalRingOptions): LocalRing {
  return place.layout === 'packed'
    ? new LocalPackedRing(memory, place, options)
    : new LocalSplitRing(memory, place, options);
}
