import type { ActiveQueue } from '../virtio/device.js';
import type { QueueState } from '../virtio/queue.js';

/** Asks the thread that serves a queue. */
export type Ask = (method: string, ...args: unknown[]) => unknown;

/** A queue that another thread serves, as the transport has it: to pause it, to save it, to show what was done. */
export class RemoteQueue implements ActiveQueue {
  readonly index: number;
  readonly size: number;
  private readonly ask: Ask;
  private pausedNow = false;

  constructor(index: number, size: number, ask: Ask) {
    this.index = index;
    this.size = size;
    this.ask = ask;
  }

  get paused(): boolean {
    return this.pausedNow;
  }

  set paused(paused: boolean) {
    if (paused === this.pausedNow) return;
    this.pausedNow = paused;
    this.ask('pauseQueue', this.index, paused);
  }

  show(): void {
    this.ask('showQueue', this.index);
  }

  wantsInterrupt(): boolean {
    return this.ask('wantsInterrupt', this.index) as boolean;
  }

  publish(): boolean {
    this.show();
    return this.wantsInterrupt();
  }

  save(): QueueState {
    return this.ask('saveQueue', this.index) as QueueState;
  }

  restore(state: QueueState): void {
    this.ask('restoreQueue', this.index, state);
  }

  next(): never {
    return this.refuse();
  }

  rewind(): never {
    return this.refuse();
  }

  complete(): never {
    return this.refuse();
  }

  retake(): never {
    return this.refuse();
  }

  wantNotifications(): never {
    return this.refuse();
  }

  private refuse(): never {
    throw new Error(`queue ${this.index} is served by another thread`);
  }
}
