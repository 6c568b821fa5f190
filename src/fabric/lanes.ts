import type { FabricPortCounters } from './counters.js';
import type { Lane } from './lane.js';

/** The lanes of a port, made as they are met: the fabric works on any number of them. */
export class Lanes {
  /** The lanes that were used so far. */
  readonly used: Lane[] = [];
  private readonly make: (index: number) => Lane;

  constructor(make: (index: number) => Lane) {
    this.make = make;
  }

  /** Lanes met so far, at least one. */
  get count(): number {
    return Math.max(1, this.used.length);
  }

  at(index: number): Lane {
    while (this.used.length <= index) this.used.push(this.make(this.used.length));
    return this.used[index];
  }

  /** The receiver has room, or is gone. */
  room(): void {
    for (const lane of this.used) lane.room();
  }

  /** A plain copy of the counters. */
  counters(name: string): FabricPortCounters {
    return { name, lanes: this.used.map((lane) => lane.snapshot()) };
  }
}
