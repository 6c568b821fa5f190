import { flowHash } from './link/flow.js';
import type { Frame } from './link/frame.js';

/** Chooses the pair on which a frame is received. */
export interface Steering {
  /** One more than the last pair that is ever chosen. */
  readonly pairs: number;
  /** Whether this pair may be chosen. */
  uses(pair: number): boolean;
  choose(frame: Frame): number;
  /** The guest sent this frame on `pair`. */
  learn(frame: Frame, pair: number): void;
}

/**
 * Flows that the guest sent on, by hash: the pair plus one, 0 where no flow is known. Its length is `flowEntries`. Threads
 * may share it: an entry is one word that says all, and an old one costs balance alone.
 */
export type FlowTable = Uint16Array;

/** What the threads that share a card's pairs know of each other's. */
export interface SharedSteering {
  readonly flows: FlowTable;
  /** Whether the receive queue of a pair is enabled. */
  readonly canReceive: (pair: number) => boolean;
}

/** Flows remembered, a power of two; two that fall on the same entry share it, which costs balance but never order for long. */
export const flowEntries = 4096;

/**
 * Automatic receive steering (virtio 5.1.6.5.6): what comes in of a flow goes to the pair on which the guest last sent
 * that flow; a flow that it never sent on goes where its hash says. While the queue there is reset, another takes it.
 */
export class AutomaticSteering implements Steering {
  private used = 1;
  private readonly table: FlowTable;
  private readonly canReceive: (pair: number) => boolean;

  /**
   * @param canReceive whether the receive queue of a pair is enabled
   * @param table where flows are remembered; a table of its own when left out
   */
  constructor(canReceive: (pair: number) => boolean, table: FlowTable = new Uint16Array(flowEntries)) {
    this.canReceive = canReceive;
    this.table = table;
  }

  /** Pairs in use. */
  get pairs(): number {
    return this.used;
  }

  set pairs(pairs: number) {
    this.used = pairs;
    // What was known of flows is not kept up while there is nothing to choose.
    if (pairs === 1) this.table.fill(0);
  }

  uses(pair: number): boolean {
    return pair < this.pairs && this.canReceive(pair);
  }

  choose(frame: Frame): number {
    const { pairs } = this;
    if (pairs === 1) return 0;
    const hash = flowHash(frame);
    const known = this.table[hash & (flowEntries - 1)] - 1;
    const first = known >= 0 && known < pairs ? known : hash % pairs;
    if (this.canReceive(first)) return first;
    const others = Array.from({ length: pairs }, (_, pair) => pair).filter(this.canReceive);
    return others.length > 0 ? others[hash % others.length] : first;
  }

  learn(frame: Frame, pair: number): void {
    if (this.used === 1) return;
    const entry = flowHash(frame) & (flowEntries - 1);
    // Not written in vain: other threads may have the line in their caches.
    if (this.table[entry] !== pair + 1) this.table[entry] = pair + 1;
  }

  reset(): void {
    this.pairs = 1;
  }

  /** The flows that are known, each as its place in the table and its pair. */
  save(): [entry: number, pair: number][] {
    const flows: [number, number][] = [];
    this.table.forEach((value, entry) => {
      if (value !== 0) flows.push([entry, value - 1]);
    });
    return flows;
  }

  restore(flows: readonly (readonly [entry: number, pair: number])[]): void {
    for (const [entry, pair] of flows) this.table[entry] = pair + 1;
  }
}
