import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';

import { everythingBut, NetDriver, openModern, type FeatureName, type Machine } from '../../src/driver/index.js';
import { machineFrom } from '../../src/lab/targets/immediate.js';
import { queueWorkersMachines } from '../../src/lab/targets/queueThreads.node.js';
import type { QueueThreadsTarget } from '../../src/lab/targets/queueThreads.js';
import { isComplete, PairTraffic, placePair, type FlowReport, type PairPlace } from '../../src/lab/traffic/index.js';

/** Words that all threads of a test share. */
export const word = { received: 0, sent: 1, end: 2, never: 3 } as const;

/** What a driver's thread found. */
export interface DriverReport {
  readonly card: number;
  readonly pair: number;
  /** Interrupts that it waited for in vain. */
  readonly missed: number;
  readonly reports: readonly FlowReport[];
}

export interface Wishes {
  readonly except?: readonly FeatureName[];
  readonly queueSize?: number;
  readonly interrupts?: boolean;
  readonly pairs?: number;
}

export interface Scripts {
  readonly queues: URL;
  readonly driver: URL;
}

/** Longer than a busy machine needs, in milliseconds. */
const patience = 60_000;

/**
 * Two joined cards whose pairs are served by workers, one for each pair, and drivers in further workers, one for each pair of
 * each card.
 */
export class Drivers {
  readonly machines: readonly QueueThreadsTarget[];
  /** By card: the driver in this thread, which has the control queue. */
  readonly control: NetDriver[] = [];
  private readonly places: PairPlace[][] = [];
  private readonly words = new Int32Array(new SharedArrayBuffer(16));
  private readonly workers: Worker[] = [];
  private readonly reports: Promise<DriverReport>[] = [];
  private readonly scripts: Scripts;
  private readonly wishes: Wishes;
  /** By flow. */
  private readonly frames: number[] = [];

  private constructor(scripts: Scripts, wishes: Wishes) {
    const { pairs: queuePairs = 2 } = wishes;
    this.scripts = scripts;
    this.wishes = wishes;
    this.machines = queueWorkersMachines(queuePairs, [{ queuePairs }, { queuePairs }], true, scripts.queues);
  }

  static async start(scripts: Scripts, wishes: Wishes): Promise<Drivers> {
    const drivers = new Drivers(scripts, wishes);
    await drivers.bringUp();
    return drivers;
  }

  private async bringUp(): Promise<void> {
    const { except = [], queueSize = 64, pairs = 2 } = this.wishes;
    for (const target of this.machines) {
      const accept = everythingBut('VIRTIO_F_IN_ORDER', ...except);
      const transport = await openModern(machineAlone(target));
      const driver = await NetDriver.start(transport, { accept, queueSize, receive: { buffers: 0 } });
      this.control.push(driver);
      const places: PairPlace[] = [];
      for (let pair = 0; pair < pairs; pair++) places.push(await placePair(driver, pair));
      this.places.push(places);
    }
  }

  /** Resets both cards while drivers are at work, ends these, and brings the cards up anew. */
  async restart(): Promise<void> {
    for (const driver of this.control) await driver.stop();
    await Promise.all(this.workers.map((worker) => worker.terminate()));
    this.words.fill(0);
    for (const list of [this.control, this.places, this.workers, this.reports, this.frames]) list.length = 0;
    await this.bringUp();
  }

  /** Has a pair of a card send so many frames of a flow, and take what comes to it. */
  drive(card: number, pair: number, flow: number, frames: number): void {
    const { memory, plan } = this.machines[card];
    const sending = { flow, frames, thorough: true };
    const place = this.places[card][pair];
    const { interrupts = false } = this.wishes;
    const data = { plan, card, memory, place, sending, shared: this.words.buffer, interrupts };
    const worker = new Worker(this.scripts.driver, { workerData: data });
    this.workers.push(worker);
    this.frames[flow] = frames;
    const report = once(worker, 'message').then(([message]) => message as DriverReport);
    report.catch(() => undefined);
    this.reports.push(report);
  }

  get received(): number {
    return Atomics.load(this.words, word.received);
  }

  /** Waits until so many frames were received, by all together. */
  async until(received: number): Promise<void> {
    const end = Date.now() + patience;
    while (this.received < received && Date.now() < end) await wait(2);
    expect(this.received).toBeGreaterThanOrEqual(received);
  }

  /** Waits until all frames have come, and checks that each did so once, whole, and in the order of its flow. */
  async finish({ ordered = true } = {}): Promise<void> {
    await this.until(this.frames.reduce((sum, count) => sum + count));
    Atomics.store(this.words, word.end, 1);
    this.machines.forEach(({ memory }, card) => this.places[card].forEach((place) => PairTraffic.wake(memory, place)));
    const found = await Promise.all(this.reports);
    expect(found.filter(({ missed }) => missed > 0)).toEqual([]);
    const flows = found.flatMap(({ reports }) => reports);
    expect(flows.filter(({ disordered, damaged }) => damaged > 0 || (ordered && disordered > 0))).toEqual([]);
    this.frames.forEach((count, flow) => {
      const parts = flows.filter((report) => report.flow === flow);
      expect({ flow, complete: isComplete(count, parts) }).toEqual({ flow, complete: true });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
    await this.machines[0].close();
  }
}

/** The machine as its driver has it while drivers in other threads are at work: nobody waits until nothing is left to do. */
function machineAlone({ hardware }: QueueThreadsTarget): Machine {
  return { ...machineFrom(hardware), settle: () => wait(1) };
}
