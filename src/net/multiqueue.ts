import { ReceiveHash, type ReceiveHashState } from './hash/receiveHash.js';
import { RssSteering, type RssTable } from './rss.js';
import { AutomaticSteering, type FlowTable, type Steering } from './steering.js';

export interface MultiqueueState {
  /** Transmit queues in use; with automatic steering receive queues too. */
  pairs: number;
  /** Flows that the guest sent on, as pairs of a flow's place in the table and its queue pair. */
  flows: [entry: number, pair: number][];
  hash: ReceiveHashState;
  /** Present while it steers. */
  rss?: RssTable;
}

/** What a driver says with VIRTIO_NET_CTRL_MQ_RSS_CONFIG (virtio 5.1.6.5.7.1). */
export interface RssConfig extends RssTable {
  readonly hashTypes: number;
  readonly key: Uint8Array;
  /** `max_tx_vq`: transmit queues that the driver may use. */
  readonly transmitPairs: number;
}

/** The queues of a card, as far as their use is concerned. */
export interface QueuePairs {
  readonly count: number;
  /** Whether the driver has enabled the receive queue of a pair. */
  readonly canReceive: (pair: number) => boolean;
  /** Carries out a change of the pairs in use, with all that belongs to it. */
  change(change: () => void): void;
}

/**
 * Which queue pairs are in use, and on which of them a frame is received (virtio 5.1.6.5.6, 5.1.6.5.7): as the driver's
 * last command has it, by the flows that it sends or by its table.
 */
export class Multiqueue {
  readonly hash = new ReceiveHash();
  private readonly queues: QueuePairs;
  private readonly automatic: AutomaticSteering;
  private rss: RssSteering | undefined;
  private transmit = 1;

  /** @param flows where flows are remembered, as `AutomaticSteering` says */
  constructor(queues: QueuePairs, flows?: FlowTable) {
    this.queues = queues;
    this.automatic = new AutomaticSteering(queues.canReceive, flows);
  }

  get steering(): Steering {
    return this.rss ?? this.automatic;
  }

  /** Whether the driver enabled multiqueue: the mode is a table, or more than one pair. */
  get enabled(): boolean {
    return this.rss !== undefined || this.automatic.pairs > 1;
  }

  /** Transmit queues in use. */
  get transmitPairs(): number {
    return this.transmit;
  }

  /** Pairs of which at least one queue is in use. */
  get pairs(): number {
    return Math.max(this.transmit, this.steering.pairs);
  }

  /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET. Answers false for a number of pairs that the card does not have. */
  setPairs(pairs: number): boolean {
    if (!this.has(pairs)) return false;
    this.use(pairs, undefined);
    return true;
  }

  /** VIRTIO_NET_CTRL_MQ_RSS_CONFIG. Answers false, with nothing changed, for queues or a hash that the card does not have. */
  setRss(config: RssConfig): boolean {
    const { unclassified, indirection, transmitPairs, hashTypes, key } = config;
    const receives = (pair: number): boolean => pair < this.queues.count && this.queues.canReceive(pair);
    if (!this.has(transmitPairs) || ![unclassified, ...indirection].every(receives)) return false;
    if (!this.hash.configure(hashTypes, key)) return false;
    this.use(transmitPairs, new RssSteering({ unclassified, indirection }, this.hash));
    return true;
  }

  /** VIRTIO_NET_CTRL_MQ_HASH_CONFIG: a hash that is reported, with automatic steering. Answers false as `setRss` does. */
  setHash(hashTypes: number, key: Uint8Array): boolean {
    if (!this.hash.configure(hashTypes, key)) return false;
    if (this.rss) this.use(this.transmit, undefined);
    return true;
  }

  reset(): void {
    this.hash.reset();
    this.automatic.reset();
    this.rss = undefined;
    this.transmit = 1;
  }

  save(): MultiqueueState {
    return {
      pairs: this.transmit,
      flows: this.automatic.save(),
      hash: this.hash.save(),
      ...(this.rss && { rss: this.rss.table }),
    };
  }

  restore(state: MultiqueueState): void {
    this.reset();
    this.hash.restore(state.hash);
    this.automatic.restore(state.flows);
    this.set(state.pairs, state.rss && new RssSteering(state.rss, this.hash));
  }

  /** Takes up what another thread was commanded, if it is something new. The flows are in memory that both share. */
  follow({ pairs, hash, rss }: Omit<MultiqueueState, 'flows'>): void {
    const now = [this.transmit, this.hash.save(), this.rss?.table];
    if (JSON.stringify(now) === JSON.stringify([pairs, hash, rss])) return;
    this.hash.restore(hash);
    this.use(pairs, rss && new RssSteering(rss, this.hash));
  }

  private has(pairs: number): boolean {
    return pairs >= 1 && pairs <= this.queues.count;
  }

  private use(pairs: number, rss: RssSteering | undefined): void {
    this.queues.change(() => this.set(pairs, rss));
  }

  private set(pairs: number, rss: RssSteering | undefined): void {
    this.transmit = pairs;
    this.automatic.pairs = pairs;
    this.rss = rss;
  }
}
