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

/** Flows remembered; two flows that fall on the same entry share it, which costs balance but never order for long. */
const entries = 4096;

/**
 * Automatic receive steering (virtio 5.1.6.5.6): what comes in of a flow goes to the pair on which the guest last sent
 * that flow; a flow that it never sent on goes where its hash says. While the queue there is reset, another takes it.
 */
export class AutomaticSteering implements Steering {
  /** Pairs in use. */
  pairs = 1;
  /** By hash: the pair plus one, 0 where no flow is known. */
  private readonly table = new Uint16Array(entries);
  private readonly canReceive: (pair: number) => boolean;

  /** @param canReceive whether the receive queue of a pair is enabled */
  constructor(canReceive: (pair: number) => boolean) {
    this.canReceive = canReceive;
  }

  uses(pair: number): boolean {
    return pair < this.pairs && this.canReceive(pair);
  }

  choose(frame: Frame): number {
    const { pairs } = this;
    if (pairs === 1) return 0;
    const hash = flowHash(frame);
    const known = this.table[hash % entries] - 1;
    const first = known >= 0 && known < pairs ? known : hash % pairs;
    if (this.canReceive(first)) return first;
    const others = Array.from({ length: pairs }, (_, pair) => pair).filter(this.canReceive);
    return others.length > 0 ? others[hash % others.length] : first;
  }

  learn(frame: Frame, pair: number): void {
    this.table[flowHash(frame) % entries] = pair + 1;
  }

  reset(): void {
    this.pairs = 1;
    this.table.fill(0);
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
