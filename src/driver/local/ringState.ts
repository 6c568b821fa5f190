import type { LocalMemory } from './memory.js';
import { LocalTables, type LocalRingOptions, type RingPlace } from './ring.js';

/** What a ring of either layout keeps. */
export abstract class RingState {
  readonly place: RingPlace;
  free: number;
  outstanding = 0;
  written = 0;
  protected readonly memory: LocalMemory;
  protected readonly eventIndex: boolean;
  protected readonly tables: LocalTables | undefined;
  /** How many descriptors each buffer takes that the device has, by its id; 0 where it has none of that id. */
  protected readonly counts: Uint16Array;

  protected constructor(memory: LocalMemory, place: RingPlace, { eventIndex, tables }: LocalRingOptions) {
    this.memory = memory;
    this.place = place;
    this.eventIndex = eventIndex;
    this.tables = tables && new LocalTables(tables);
    this.free = place.size;
    this.counts = new Uint16Array(place.size);
  }
}
