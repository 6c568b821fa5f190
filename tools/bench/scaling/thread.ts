import { performance } from 'node:perf_hooks';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { notifier, PairTraffic } from '../../../src/lab/traffic/index.js';
import { QueueService } from '../../../src/queues/index.js';
import { countWords, type Job, type ThreadData } from './job.js';

/** Rounds between two looks for a job. */
const rounds = 256;

const { plan, thread } = workerData as ThreadData;
const service =
  thread === undefined
    ? undefined
    : new QueueService(
        plan,
        thread,
        () => performance.now(),
        () => parentPort!.postMessage(0),
      );

/** Serves until there is something to drive, or until the control thread ends this one. */
function nextJob(): Job | undefined {
  while (!service?.isEnded) {
    const found = receiveMessageOnPort(parentPort!);
    if (found) return found.message as Job;
    for (let i = 0; i < rounds; i++) service?.poll();
  }
  return undefined;
}

/** Driver and device of a pair take turns, as those of a guest and its host do on a core that is theirs. */
function drive({ pair, memories, places, counts }: Job): void {
  const words = new Int32Array(counts);
  const [sender, receiver] = memories.map((memory, card) => {
    // One frame the other way tells the second card on which of its pairs the flow is wanted.
    const sending = { flow: pair, frames: card === 0 ? Infinity : 1 };
    const traffic = new PairTraffic(memory, places[card], sending, notifier(plan, card));
    traffic.wantInterrupts(false);
    return traffic;
  });
  receiver.step();
  service?.poll();
  const at = countWords * pair;
  const end = words.length - 1;
  while (Atomics.load(words, end) === 0) {
    sender.step();
    service?.poll();
    receiver.step();
    service?.poll();
    Atomics.store(words, at, receiver.received);
  }
  for (const { disordered, sum, last } of receiver.checker.reports) {
    if (disordered > 0) throw new Error(`${disordered} frames of flow ${pair} were out of order`);
    if (sum !== sumTo(last)) throw new Error(`frames of flow ${pair} are missing`);
  }
}

/** The sum of the numbers up to the last one, modulo 2^32. */
function sumTo(last: number): number {
  return Number(BigInt.asIntN(32, (BigInt(last) * BigInt(last + 1)) / 2n));
}

service?.awake();
const job = nextJob();
if (job) drive(job);
// The control thread may have something to ask until it ends this one.
while (service && !service.isEnded) service.poll();
process.exit();
