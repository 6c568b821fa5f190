import { parentPort, workerData } from 'node:worker_threads';

import { notifier, PairTraffic, type PairPlace, type Sending } from '../../src/lab/traffic/index.js';
import type { QueuePlan } from '../../src/queues/index.js';
import { word, type DriverReport } from './drivers.js';

/** Drives one pair of a card until it is told to end, and then tells what came of it. */
const { plan, card, memory, place, sending, shared, interrupts } = workerData as {
  plan: QueuePlan;
  card: number;
  memory: SharedArrayBuffer;
  place: PairPlace;
  sending: Sending;
  shared: SharedArrayBuffer;
  interrupts: boolean;
};

/** Far longer than any interrupt takes, in milliseconds. */
const patience = 4000;

const words = new Int32Array(shared);
const traffic = new PairTraffic(memory, place, sending, notifier(plan, card));
traffic.wantInterrupts(interrupts);
let missed = 0;
let sent = 0;
let received = 0;

/** Whether an interrupt came, or there is work already. */
function waits(): boolean {
  traffic.acknowledge();
  return traffic.wantInterrupts(true) || traffic.wait(patience);
}

while (Atomics.load(words, word.end) === 0 || !traffic.isSent) {
  const busy = traffic.step();
  if (traffic.received !== received) Atomics.add(words, word.received, traffic.received - received);
  if (traffic.sent !== sent) Atomics.add(words, word.sent, traffic.sent - sent);
  ({ received, sent } = traffic);
  if (busy) continue;
  if (!interrupts) Atomics.wait(words, word.never, 0, 0.2);
  else if (!waits() && Atomics.load(words, word.end) === 0 && ++missed > 0) break;
}
parentPort!.postMessage({ card, pair: place.pair, missed, reports: traffic.checker.reports } satisfies DriverReport);
