import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { everythingBut, NetDriver, openModern } from '../../../src/driver/index.js';
import { queueThreadsMachines } from '../../../src/lab/targets/queueThreads.js';
import { placePair } from '../../../src/lab/traffic/index.js';
import { Sleeper } from '../../../src/fabric/index.js';
import { Caller } from '../../../src/queues/index.js';
import { countWords, type Job, type ThreadData } from './job.js';

/** Entries of each queue. */
const queueSize = 256;

/** Time for the engine to translate what runs, in milliseconds. */
const warmUp = 1000;

/** What of the cards' pairs is where. */
export interface Layout {
  readonly pairs: number;
  /** Drivers have threads of their own; else each runs in the thread that serves its pairs. */
  readonly apart: boolean;
  readonly packed: boolean;
}

const script = new URL('./scaling.worker.js', import.meta.url);

/**
 * Million frames a second, 64 bytes each, from one card's drivers to the other's. A frame counts when the second driver has
 * looked at it and given its buffer back; its number is checked.
 */
export async function framesPerSecond({ pairs, apart, packed }: Layout, seconds: number): Promise<number> {
  const workers: Worker[] = [];
  const start = (data: ThreadData): Worker => {
    const worker = new Worker(script, { workerData: data });
    workers.push(worker);
    return worker;
  };
  const failed = new Promise<never>((_, reject) => {
    setImmediate(() => workers.forEach((worker) => worker.once('error', reject)));
  });
  failed.catch(() => undefined);
  const machines = queueThreadsMachines(pairs, [{ queuePairs: pairs }, { queuePairs: pairs }], true, (plan, rung) => ({
    calls: plan.mailboxes.map((mailbox, thread) => {
      const caller = new Caller(mailbox, new Sleeper(plan.asleep[thread]));
      start({ plan, thread }).on('message', () => rung(thread));
      return (method, args) => caller.call(method, args);
    }),
    advance: (milliseconds) => wait(milliseconds),
    close: () => Promise.resolve(),
  }));
  const accept = everythingBut(...(packed ? [] : (['VIRTIO_F_RING_PACKED'] as const)), 'VIRTIO_F_IN_ORDER');
  const drivers: NetDriver[] = [];
  for (const { machine } of machines) {
    const transport = await openModern(machine);
    drivers.push(await NetDriver.start(transport, { accept, queueSize, receive: { buffers: 0 } }));
  }
  const counts = new SharedArrayBuffer(4 * (countWords * pairs + 1));
  const words = new Int32Array(counts);
  const servers = [...workers];
  for (let pair = 0; pair < pairs; pair++) {
    const places = await Promise.all(drivers.map((driver) => placePair(driver, pair)));
    const job: Job = { pair, memories: machines.map(({ memory }) => memory), places, counts };
    const worker = apart ? start({ plan: machines[0].plan, thread: undefined }) : servers[pair];
    worker.postMessage(job);
  }
  const total = (): number =>
    Array.from({ length: pairs }, (_, pair) => words[countWords * pair]).reduce((a, b) => a + b);
  await Promise.race([wait(warmUp), failed]);
  const [before, since] = [total(), performance.now()];
  await Promise.race([wait(1000 * seconds), failed]);
  const rate = (total() - before) / (performance.now() - since) / 1000;
  const ended = workers.map((worker) => once(worker, 'exit'));
  Atomics.store(words, words.length - 1, 1);
  await machines[0].close();
  await Promise.race([Promise.all(ended), failed]);
  return rate;
}
