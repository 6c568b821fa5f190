import type { NotificationCoalescing } from './coalescing.js';
import type { Frame } from './link/frame.js';
import { Sent } from './link/port.js';
import type { ReceiveLane } from './receive.js';

/** The receive queues of all pairs, into which frames come in bursts. */
export class Reception {
  /** By pair; undefined where the driver has no queue. */
  readonly lanes: (ReceiveLane | undefined)[];
  private readonly coalescing: NotificationCoalescing;
  /** Pairs that received frames since the last flush: the first `receivedCount` of these. */
  private readonly received: number[] = [];
  private receivedCount = 0;
  /** What the card that was saved had received and not shown. */
  private unshown: readonly number[] = [];

  constructor(pairs: number, coalescing: NotificationCoalescing) {
    this.lanes = new Array<undefined>(pairs).fill(undefined);
    this.coalescing = coalescing;
  }

  /** Puts a frame into buffers of a pair. @throws DriverFault */
  receive(frame: Frame, pair: number, lane: ReceiveLane): Sent {
    const answer = lane.receive(frame);
    // The first of a burst on that pair: those behind it are shown with it.
    if (answer === Sent.taken && lane.fresh === 1) this.received[this.receivedCount++] = pair;
    if (answer === Sent.full) this.starved(pair);
    return answer;
  }

  /** A burst is at its end. */
  flush(): void {
    for (let i = 0; i < this.receivedCount; i++) this.show(this.received[i]);
    this.receivedCount = 0;
  }

  /** Makes what a pair received visible to the driver, which is told now or later. */
  show(pair: number): void {
    const lane = this.lanes[pair];
    if (lane) this.coalescing.shown(2 * pair, lane.show());
  }

  /** By pair: packets that the driver can't see yet, as their burst is not at its end. */
  save(): number[] {
    return this.lanes.map((lane) => lane?.fresh ?? 0);
  }

  /** To be resumed once the driver's queues are there again. */
  restore(unshown: readonly number[]): void {
    this.unshown = unshown;
  }

  /** Shows what a card that was saved had received. */
  resume(): void {
    for (const [pair, lane] of this.lanes.entries()) {
      if (lane) lane.fresh += this.unshown[pair] ?? 0;
      this.show(pair);
    }
    this.unshown = [];
  }

  /** Whoever was told that there is no room is about to try again. */
  reopen(): void {
    for (const lane of this.lanes) lane?.reopen();
  }

  /** Whatever becomes of the queues, the emulator knows what was written. */
  tellWritten(): void {
    for (const lane of this.lanes) lane?.tellWritten();
  }

  /** Gives up the queues. */
  forget(): void {
    this.tellWritten();
    this.lanes.fill(undefined);
    this.receivedCount = 0;
    this.unshown = [];
  }

  /** The driver gives no more buffers before it is told of those that are full. */
  private starved(pair: number): void {
    if (!this.coalescing.delays(2 * pair)) return;
    this.show(pair);
    this.coalescing.tellNow(2 * pair);
  }
}
