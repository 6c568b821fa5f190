import type { Sleeper } from '../fabric/index.js';

/** 128 bytes apart, so that the drivers of two queues do not fight for lines of the processor's cache, which come in twos. */
const wordsEach = 32;

export function newDoorbells(queues: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * wordsEach * queues);
}

/** Available buffer notifications from whatever thread a driver is in: how often each queue's was sent and not seen yet. */
export class Doorbells {
  private readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  /** The driver notifies of a queue, which `server` serves. */
  ring(queue: number, server: Sleeper): void {
    Atomics.add(this.words, wordsEach * queue, 1);
    server.wake();
  }

  /** Notifications of a queue since the last time. */
  take(queue: number): number {
    const at = wordsEach * queue;
    return Atomics.load(this.words, at) === 0 ? 0 : Atomics.exchange(this.words, at, 0);
  }
}
