import type { Clock } from '../virtio/clock.js';
import { HoldDeadline } from './deadline.js';
import type { HeldState, TransmitLane } from './transmit.js';

/** What the transmit queues need of their card. */
export interface TransmittingCard {
  /** Buffers of this many packets of a pair were made visible to the driver. */
  shown(pair: number, packets: number): void;
  /** A burst is at its end. */
  flush(): void;
  /** Packets that wait have reached their deadline: to be answered by `expire`, where the guest's data may be looked at. */
  expired(): void;
}

/** The transmit queues of all pairs, which are worked in bursts. */
export class Transmission {
  /** By pair; undefined where the driver has no queue. */
  readonly lanes: (TransmitLane | undefined)[];
  private readonly clock: Clock;
  private readonly card: TransmittingCard;
  private readonly deadline: HoldDeadline;
  /** By pair: packets that were held when the card was saved. */
  private restored: HeldState[][] = [];
  /** Queues are being worked; what comes up meanwhile is worked before that ends. */
  private working = false;
  /** Whether new packets are taken, or only those sent that were taken already. */
  taking = true;
  private again = false;

  /** @param deadline how long packets may wait while none of them gets through, in milliseconds */
  constructor(clock: Clock, pairs: number, deadline: number, card: TransmittingCard) {
    this.clock = clock;
    this.card = card;
    this.lanes = new Array<undefined>(pairs).fill(undefined);
    this.deadline = new HoldDeadline(clock, deadline, this.lanes, () => this.card.expired());
  }

  /** Sends what can be sent on one pair, or on all, as one burst. @throws DriverFault */
  work(only?: number): void {
    if (this.working) {
      this.again = true;
      return;
    }
    this.working = true;
    try {
      if (only === undefined) this.workAll();
      else this.workPair(only);
      while (this.again) this.workAll();
    } finally {
      this.working = false;
      this.card.flush();
      this.deadline.watch();
    }
  }

  /** Drops the packets that have reached the deadline, and goes on with others. @throws DriverFault */
  expire(): void {
    this.deadline.expire();
    this.work();
  }

  /** Whether packets wait that were taken from the driver. */
  get holds(): boolean {
    return this.lanes.some((lane) => lane?.holds);
  }

  /** There may be room for what is held. */
  room(): void {
    for (const lane of this.lanes) lane?.room();
  }

  /** Drops what is held for one pair, or for all, and gives up the queues. */
  forget(only?: number): void {
    this.lanes.forEach((lane, pair) => {
      if (only !== undefined && only !== pair) return;
      lane?.abandon();
      this.lanes[pair] = undefined;
    });
    if (only !== undefined) return;
    this.deadline.stop();
    this.restored = [];
  }

  /** By pair: the packets that are held. */
  save(): HeldState[][] {
    return this.lanes.map((lane) => lane?.save(this.clock.now()) ?? []);
  }

  restore(held: HeldState[][]): void {
    this.restored = held;
  }

  /** Takes up the packets that were restored, now that there are queues. @throws DriverFault */
  resume(): void {
    this.restored.forEach((held, pair) => this.lanes[pair]?.restore(held, this.clock.now()));
    this.restored = [];
  }

  private workAll(): void {
    this.again = false;
    for (let pair = 0; pair < this.lanes.length; pair++) this.workPair(pair);
  }

  private workPair(pair: number): void {
    const lane = this.lanes[pair];
    if (!lane) return;
    lane.transmit(this.clock.now(), this.taking);
    this.card.shown(pair, lane.show());
  }
}
