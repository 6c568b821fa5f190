import type { ReceiveHash } from './hash/receiveHash.js';
import { noReport } from './hash/types.js';
import type { Frame } from './link/frame.js';
import type { Steering } from './steering.js';

/** The longest indirection table that is taken: as long as Linux has room for. */
export const longestTable = 128;

/** Which pair a packet goes to by its hash. */
export interface RssTable {
  /** The pair of packets that have no hash. */
  readonly unclassified: number;
  /** A power of two of pairs, up to `longestTable`. */
  readonly indirection: readonly number[];
}

/** Receive-side scaling (virtio 5.1.6.5.7.2): a packet's hash is looked up in the driver's table. */
export class RssSteering implements Steering {
  readonly pairs: number;
  readonly table: RssTable;
  private readonly hash: ReceiveHash;
  private readonly indirection: Uint16Array;
  /** By pair: 1 where it is in the table. */
  private readonly used: Uint8Array;

  constructor(table: RssTable, hash: ReceiveHash) {
    const all = [table.unclassified, ...table.indirection];
    this.table = table;
    this.hash = hash;
    this.indirection = Uint16Array.from(table.indirection);
    this.pairs = 1 + Math.max(...all);
    this.used = new Uint8Array(this.pairs);
    for (const pair of all) this.used[pair] = 1;
  }

  uses(pair: number): boolean {
    return this.used[pair] === 1;
  }

  choose(frame: Frame): number {
    this.hash.find(frame);
    if (frame.hashReport === noReport) return this.table.unclassified;
    return this.indirection[frame.hash & (this.indirection.length - 1)];
  }

  learn(): void {
    // What the guest sends makes no difference.
  }
}
