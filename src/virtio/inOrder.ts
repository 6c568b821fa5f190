import type { DescriptorChain } from './chain.js';
import type { ActiveQueue } from './device.js';
import type { QueueState } from './queue.js';

/**
 * A queue that gives buffers back in the order in which it gave them out, as VIRTIO_F_IN_ORDER demands (virtio 2.7.9,
 * 2.8.8). What comes back too early waits here for those before it. Each buffer has a used entry of its own: a batch
 * that is told of by its last buffer would tell the driver nothing of the lengths of the others.
 */
export class InOrderQueue implements ActiveQueue {
  readonly index: number;
  readonly size: number;
  private readonly queue: ActiveQueue;
  /** The buffers that the driver has not got back, `count` of them from `first` on, around the end. */
  private readonly order: DescriptorChain[];
  private first = 0;
  private count = 0;
  /** Those of a saved queue that nobody has retaken yet. */
  private readonly restored: DescriptorChain[] = [];

  constructor(queue: ActiveQueue) {
    this.queue = queue;
    this.index = queue.index;
    this.size = queue.size;
    this.order = new Array<DescriptorChain>(queue.size);
  }

  get paused(): boolean {
    return this.queue.paused;
  }

  set paused(paused: boolean) {
    this.queue.paused = paused;
  }

  next(): DescriptorChain | undefined {
    const chain = this.queue.next();
    if (chain) this.append(chain);
    return chain;
  }

  rewind(chain: DescriptorChain): void {
    this.count--;
    this.queue.rewind(chain);
  }

  complete(chain: DescriptorChain, written: number): void {
    if (this.paused) return;
    chain.returned = written;
    while (this.count > 0) {
      const next = this.order[this.first];
      if (next.returned < 0) return;
      this.first = (this.first + 1) % this.size;
      this.count--;
      this.queue.complete(next, next.returned);
    }
  }

  show(): void {
    this.queue.show();
  }

  wantsInterrupt(): boolean {
    return this.queue.wantsInterrupt();
  }

  publish(): boolean {
    return this.queue.publish();
  }

  wantNotifications(wanted: boolean): boolean {
    return this.queue.wantNotifications(wanted);
  }

  save(): QueueState {
    const order = Array.from({ length: this.count }, (_, i) => {
      const { head, returned } = this.order[(this.first + i) % this.size];
      return { head, returned };
    });
    return { ...this.queue.save(), order };
  }

  restore(state: QueueState): void {
    this.queue.restore(state);
    for (const { head, returned } of state.order ?? []) {
      const chain = this.queue.retake(head);
      chain.returned = returned;
      this.append(chain);
      if (returned < 0) this.restored.push(chain);
    }
  }

  retake(head: number): DescriptorChain {
    const index = this.restored.findIndex((chain) => chain.head === head);
    if (index < 0) throw new RangeError(`the saved state has no buffer ${head} of queue ${this.index}`);
    return this.restored.splice(index, 1)[0];
  }

  private append(chain: DescriptorChain): void {
    this.order[(this.first + this.count) % this.size] = chain;
    this.count++;
  }
}
