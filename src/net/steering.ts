import { flowHash } from './flow.js';
import type { Frame } from './link/frame.js';

/** Chooses the pair on which a frame is received. */
export interface Steering {
  /** One more than the last pair that is ever chosen. */
  readonly pairs: number;
  /** Whether a frame may wait for a queue that is being reset; otherwise it is dropped. */
  readonly waits: boolean;
  /** Whether this pair is ever chosen. */
  uses(pair: number): boolean;
  choose(frame: Frame): number;
  /** The guest sent this frame on `pair`. */
  learn(frame: Frame, pair: number): void;
}

/** Flows remembered; two flows that fall on the same entry share it, which costs balance but never order for long. */
const entries = 4096;

/**
 * Automatic receive steering (virtio 5.1.6.5.6): what comes in of a flow goes to the pair on which the guest last sent
 * that flow; a flow that it never sent on goes where its hash says.
 */
export class AutomaticSteering implements Steering {
  readonly waits = true;
  /** Pairs in use. */
  pairs = 1;
  /** By hash: the pair plus one, 0 where no flow is known. */
  private readonly table = new Uint16Array(entries);

  uses(pair: number): boolean {
    return pair < this.pairs;
  }

  choose(frame: Frame): number {
    const { pairs } = this;
    if (pairs === 1) return 0;
    const hash = flowHash(frame);
    const known = this.table[hash % entries] - 1;
    return known >= 0 && known < pairs ? known : hash % pairs;
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
