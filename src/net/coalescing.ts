import type { Clock } from '../virtio/clock.js';
import type { Activation } from '../virtio/device.js';

/** When the driver is told of used buffers (struct virtio_net_ctrl_coal); each is a whole number below 2^32. */
export interface Coalescing {
  /** Packets to wait for. */
  readonly maxPackets: number;
  /** Microseconds to wait for them, from the first on. */
  readonly maxUsecs: number;
}

/** Either being 0 means: after every burst of packets. */
const notCoalesced: Coalescing = { maxPackets: 0, maxUsecs: 0 };

/** Packets of a queue of which the driver has yet to be told. */
interface Waiting {
  packets: number;
  /** When the first of them was passed, in the clock's milliseconds. */
  since: number;
  cancel: (() => void) | undefined;
}

export interface CoalescingState {
  /** What was set for all receive queues, and for all transmit queues. */
  directions: Coalescing[];
  /** By queue. */
  queues: Coalescing[];
  /** For how long, in milliseconds, these packets waited. */
  waiting: { queue: number; packets: number; waited: number }[];
}

/**
 * The way from used buffers to interrupts, for receive and transmit queues (virtio 5.1.6.5.9). Buffers are visible at
 * once; it is the interrupt that waits, and whether the driver wants one is looked at when the wait is over.
 */
export class NotificationCoalescing {
  private readonly clock: Clock;
  private readonly directions: Coalescing[] = [notCoalesced, notCoalesced];
  private readonly queues: Coalescing[];
  private readonly waiting = new Map<number, Waiting>();
  private active: Activation | undefined;
  private dataQueues = 0;

  /** @param queues receive and transmit queues that there are: receive queues are even, transmit queues odd */
  constructor(clock: Clock, queues: number) {
    this.clock = clock;
    this.queues = new Array<Coalescing>(queues).fill(notCoalesced);
  }

  /** @param dataQueues receive and transmit queues that the driver knows of */
  activate(active: Activation, dataQueues: number): void {
    this.active = active;
    this.dataQueues = dataQueues;
  }

  /** Forgets the driver and all that it set. */
  reset(): void {
    for (const wait of this.waiting.values()) wait.cancel?.();
    this.waiting.clear();
    this.directions.fill(notCoalesced);
    this.queues.fill(notCoalesced);
    this.active = undefined;
  }

  /** The queue starts anew: with what was set for all queues of its direction. */
  resetQueue(queue: number): void {
    this.forget(queue);
    this.queues[queue] = this.directions[queue & 1];
  }

  /** Sets all receive queues (0) or all transmit queues (1), enabled or not. */
  setDirection(direction: 0 | 1, coalescing: Coalescing): void {
    this.directions[direction] = coalescing;
    for (let queue: number = direction; queue < this.queues.length; queue += 2) this.change(queue, coalescing);
  }

  /** Sets one queue. Answers false when it is not an enabled receive or transmit queue. */
  setQueue(queue: number, coalescing: Coalescing): boolean {
    if (!this.isEnabled(queue)) return false;
    this.change(queue, coalescing);
    return true;
  }

  /** What is set for a queue; undefined when it is not an enabled receive or transmit queue. */
  getQueue(queue: number): Coalescing | undefined {
    return this.isEnabled(queue) ? this.queues[queue] : undefined;
  }

  /**
   * The buffers of this many packets became visible: the driver is told now or later. Of buffers that nobody has counted,
   * as a card's that was saved in the middle of a burst, it is told now.
   */
  shown(queue: number, packets: number): void {
    if (packets > 0 && this.delays(queue)) this.count(queue, packets);
    if (this.waiting.has(queue)) this.check(queue);
    else this.tell(queue);
  }

  /** Whether the driver is told of this queue's packets later than at the end of their burst. */
  delays(queue: number): boolean {
    const { maxPackets, maxUsecs } = this.queues[queue];
    return maxPackets > 0 && maxUsecs > 0;
  }

  /** The driver is told now of what it has yet to be told of: it can't go on without. */
  tellNow(queue: number): void {
    if (this.isPaused(queue)) return;
    this.forget(queue);
    this.tell(queue);
  }

  /** The same for all queues. */
  tellAll(): void {
    for (const queue of [...this.waiting.keys()]) this.tellNow(queue);
  }

  save(): CoalescingState {
    const now = this.clock.now();
    const waiting = Array.from(this.waiting, ([queue, { packets, since }]) => ({
      queue,
      packets,
      waited: now - since,
    }));
    return { directions: [...this.directions], queues: [...this.queues], waiting };
  }

  /** What waited goes on waiting once each queue is `shown` again. */
  restore(state: CoalescingState): void {
    this.reset();
    state.directions.forEach((coalescing, direction) => (this.directions[direction] = coalescing));
    state.queues.forEach((coalescing, queue) => (this.queues[queue] = coalescing));
    const now = this.clock.now();
    for (const { queue, packets, waited } of state.waiting) {
      this.waiting.set(queue, { packets, since: now - waited, cancel: undefined });
    }
  }

  /** Takes up what another thread was commanded; what waits goes on waiting, as it is set now. */
  follow({ directions, queues }: Pick<CoalescingState, 'directions' | 'queues'>): void {
    directions.forEach((coalescing, direction) => (this.directions[direction] = coalescing));
    queues.forEach((coalescing, queue) => {
      const { maxPackets, maxUsecs } = this.queues[queue];
      if (coalescing.maxPackets !== maxPackets || coalescing.maxUsecs !== maxUsecs) this.change(queue, coalescing);
    });
  }

  private isEnabled(queue: number): boolean {
    return queue < this.dataQueues && this.active?.queues[queue] !== undefined;
  }

  /** A paused queue is looked at again when it goes on, as the device then shows what there is. */
  private isPaused(queue: number): boolean {
    return this.active?.queues[queue]?.paused ?? true;
  }

  /** What is set changes, and with it whether those that wait have waited long enough. */
  private change(queue: number, coalescing: Coalescing): void {
    this.queues[queue] = coalescing;
    const wait = this.waiting.get(queue);
    if (!wait) return;
    wait.cancel?.();
    wait.cancel = undefined;
    this.check(queue);
  }

  private count(queue: number, packets: number): void {
    const wait = this.waiting.get(queue);
    if (wait) wait.packets += packets;
    else this.waiting.set(queue, { packets, since: this.clock.now(), cancel: undefined });
  }

  /** Tells the driver if it is time, and else sees to it that somebody looks when it is. */
  private check(queue: number): void {
    const wait = this.waiting.get(queue);
    if (!wait || this.isPaused(queue)) return;
    const { maxPackets, maxUsecs } = this.queues[queue];
    // Behind a whole queue of packets nothing more comes before the driver does something.
    const enough = Math.min(maxPackets, this.active!.queues[queue]!.size);
    const left = wait.since + maxUsecs / 1000 - this.clock.now();
    if (wait.packets >= enough || left <= 0) this.tellNow(queue);
    else wait.cancel ??= this.clock.after(left, () => this.timeUp(queue, wait));
  }

  private timeUp(queue: number, wait: Waiting): void {
    wait.cancel = undefined;
    this.tellNow(queue);
  }

  private forget(queue: number): void {
    this.waiting.get(queue)?.cancel?.();
    this.waiting.delete(queue);
  }

  private tell(queue: number): void {
    const { active } = this;
    if (active?.queues[queue]?.wantsInterrupt()) active.interrupts.queue(queue);
  }
}
