import { once } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';

import type { Worker, WorkOptions } from './works.js';

/** What a station is to do. */
export interface StationData extends WorkOptions {
  readonly worker: Worker;
}

/** What was done in a slice of time. */
export interface Slice {
  readonly frames: number;
  readonly seconds: number;
  /** By how many bytes the heap grew: all that was allocated, where nothing was collected. */
  readonly allocated: number;
  /** How often garbage was collected. */
  readonly collections: number;
  readonly notifications: number;
  readonly interrupts: number;
}

/**
 * A thread for one kind of work: what V8 makes of the code for one card is not what it makes of it for several. It works
 * only while somebody waits for a slice.
 */
export interface Station {
  slice(seconds: number): Promise<Slice>;
  close(): Promise<void>;
}

/** @param youngMiB space for young objects, where a slice is to allocate without a collection */
export async function startStation(data: StationData, youngMiB?: number): Promise<Station> {
  const thread = new Thread(new URL('./station.js', import.meta.url), {
    workerData: data,
    ...(youngMiB !== undefined && { resourceLimits: { maxYoungGenerationSizeMb: youngMiB } }),
  });
  await once(thread, 'message');
  return {
    slice: async (seconds) => {
      const answer = once(thread, 'message');
      thread.postMessage(seconds);
      const [slice] = (await answer) as [Slice];
      return slice;
    },
    close: async () => {
      await thread.terminate();
    },
  };
}
