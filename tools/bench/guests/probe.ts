import { readFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { layerOf, type Bundle } from './layers.js';

/** What a thread did while it was watched. */
export interface ThreadUse {
  /** Microseconds by layer of the house, and by what is not ours; see layers.ts. Idle time is in none. */
  readonly microseconds: Readonly<Record<string, number>>;
  readonly collections: number;
  /** Milliseconds that these took. */
  readonly collectionTime: number;
}

/** How often the profiler looks, in microseconds. */
const interval = 500;

/** Watches the thread that it is made in: a profile, and the garbage collector. */
export class Probe {
  private readonly session = new Session();
  private readonly observer = new PerformanceObserver((list) => this.count(list.getEntries()));
  private collections = 0;
  private collectionTime = 0;

  async start(): Promise<void> {
    this.session.connect();
    await this.post((done) => this.session.post('Profiler.enable', done));
    await this.post((done) => this.session.post('Profiler.setSamplingInterval', { interval }, done));
    this.observer.observe({ entryTypes: ['gc'] });
    await this.post((done) => this.session.post('Profiler.start', done));
  }

  async stop(): Promise<ThreadUse> {
    const profile = await new Promise<Profiler.Profile>((resolve, reject) =>
      this.session.post('Profiler.stop', (error, result) => (error ? reject(error) : resolve(result.profile))),
    );
    this.count(this.observer.takeRecords());
    this.observer.disconnect();
    this.session.disconnect();
    const { collections, collectionTime } = this;
    return { microseconds: byLayer(profile, readBundle), collections, collectionTime };
  }

  private count(entries: readonly PerformanceEntry[]): void {
    this.collections += entries.length;
    for (const { duration } of entries) this.collectionTime += duration;
  }

  private post(act: (done: (error: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
  }
}

/** Reads a program that esbuild made. */
function readBundle(url: string): Bundle {
  return readFileSync(fileURLToPath(url), 'utf8').split('\n');
}

/** The time that was seen in functions of each layer. */
export function byLayer(profile: Profiler.Profile, read: (url: string) => Bundle): Record<string, number> {
  const bundles = new Map<string, Bundle>();
  const bundle = (url: string): Bundle => {
    const known = bundles.get(url) ?? read(url);
    bundles.set(url, known);
    return known;
  };
  const layers = new Map(profile.nodes.map(({ id, callFrame }) => [id, layerOf(callFrame, bundle)]));
  const times: Record<string, number> = {};
  profile.samples?.forEach((id, index) => {
    const layer = layers.get(id);
    if (layer !== undefined) times[layer] = (times[layer] ?? 0) + (profile.timeDeltas?.[index] ?? 0);
  });
  return times;
}

/** Watches all of this process's threads that guests run in, while something is done. */
export async function watchHere(during: () => Promise<unknown>): Promise<ThreadUse[]> {
  const probe = new Probe();
  await probe.start();
  await during();
  return [await probe.stop()];
}

/** How the starting thread and the probes in workers talk. */
const channelName = 'virtio-mq-bench-probe';

/** In a worker: has a probe ready for `watchWorkers`. */
export function awaitProbes(): void {
  const channel = new BroadcastChannel(channelName);
  let probe: Probe | undefined;
  const answer = async (order: unknown): Promise<void> => {
    if (order === 'start') {
      probe = new Probe();
      await probe.start();
      channel.postMessage('started');
    } else if (order === 'stop' && probe) {
      channel.postMessage(await probe.stop());
      probe = undefined;
    }
  };
  channel.onmessage = ({ data }: MessageEvent) => void answer(data);
}

/** The same for guests in workers, of which there are so many. */
export async function watchWorkers(workers: number, during: () => Promise<unknown>): Promise<ThreadUse[]> {
  const channel = new BroadcastChannel(channelName);
  const ask = (order: string): Promise<unknown[]> =>
    new Promise((resolve) => {
      const answers: unknown[] = [];
      channel.onmessage = ({ data }: MessageEvent) => {
        // The workers hear each other's answers too, and this one only those.
        if (answers.push(data) === workers) resolve(answers);
      };
      channel.postMessage(order);
    });
  try {
    await ask('start');
    await during();
    return (await ask('stop')) as ThreadUse[];
  } finally {
    channel.close();
  }
}
