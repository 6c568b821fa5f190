import type { SharedPort } from '../fabric/index.js';
import { NotificationCoalescing } from '../net/coalescing.js';
import type { DataPath, DataPathOwner, DataPathState } from '../net/dataPath.js';
import { ReceiveFilter } from '../net/filter.js';
import { GuestOffloads } from '../net/guestOffloads.js';
import { newLaneCounters, type LaneCounters } from '../net/link/counters.js';
import type { Frame } from '../net/link/frame.js';
import { Sent, type Port } from '../net/link/port.js';
import { Multiqueue } from '../net/multiqueue.js';
import { copyCounters } from '../net/state.js';
import { DeviceStatistics } from '../net/statistics.js';
import type { Clock } from '../virtio/clock.js';
import type { Activation, ActiveQueue } from '../virtio/device.js';
import type { Features } from '../virtio/features.js';
import type { GuestMemory } from '../virtio/memory.js';
import type { QueueSetup } from '../virtio/queue.js';
import { asFault } from '../virtio/rules.js';
import { mergeStates, stateFor, withLost, type Counts, type Unconnected } from './pathState.js';
import type { CardPlan } from './plan.js';
import { faultOf, type CardEvents, type CardSettings } from './protocol.js';
import { RemoteQueue } from './remoteQueue.js';

/** The threads that serve a card's pairs, as its data path in the control thread reaches them. */
export interface CardThreads {
  /** Numbers of the threads. */
  readonly all: readonly number[];
  /** Has a thread do something with the card's pairs. @throws DriverFault */
  ask(thread: number, method: string, ...args: unknown[]): unknown;
  /** Has all threads stand still while `work` is done. */
  whileStill<T>(work: () => T): T;
  /** By thread: for frames to and from the card. */
  readonly links: readonly SharedPort[];
  /** Notifies the thread that serves a queue. */
  ring(thread: number, queue: number): void;
}

/** The data path of a card whose pairs are served by other threads: it tells these what the driver commands. */
export class WorkerPath implements DataPath {
  readonly filter: ReceiveFilter;
  readonly guestOffloads = new GuestOffloads();
  readonly coalescing: NotificationCoalescing;
  readonly multiqueue: Multiqueue;
  peer: Port | undefined;
  failed = false;

  private readonly plan: CardPlan;
  private readonly owner: DataPathOwner;
  private readonly threads: CardThreads;
  private readonly counted: readonly LaneCounters[];
  private readonly kept: DeviceStatistics;
  /** By pair. */
  private readonly lost: readonly Unconnected[];
  private readonly receiving: boolean[];
  private active: Activation | undefined;
  private unsubscribe: (() => void) | undefined;
  /** What the threads were told last. */
  private told = '';
  /** By queue: the message of its interrupts, as the threads were told. */
  private readonly routes: string[] = [];

  constructor(clock: Clock, plan: CardPlan, owner: DataPathOwner, threads: CardThreads) {
    const { queuePairs } = plan.settings;
    this.plan = plan;
    this.owner = owner;
    this.threads = threads;
    this.counted = Array.from({ length: queuePairs }, newLaneCounters);
    this.kept = new DeviceStatistics(this.counted);
    this.lost = this.counted.map(() => ({ frames: 0, bytes: 0 }));
    this.receiving = new Array<boolean>(queuePairs).fill(false);
    this.coalescing = new NotificationCoalescing(clock, 2 * queuePairs);
    this.filter = new ReceiveFilter(owner.config.mac);
    this.multiqueue = new Multiqueue(
      {
        count: queuePairs,
        canReceive: (pair) => this.receiving[pair],
        change: (change) => {
          change();
          this.tell();
          owner.pairsChanged();
        },
      },
      new Uint16Array(plan.flows),
    );
  }

  /** As the threads count now. */
  get counters(): readonly LaneCounters[] {
    this.collect();
    return this.counted;
  }

  get statistics(): DeviceStatistics {
    this.collect();
    return this.kept;
  }

  newQueue(setup: QueueSetup, memory: GuestMemory, features: Features): ActiveQueue {
    if (memory.bytes.buffer !== this.plan.memory) {
      throw new Error('the card is plugged into a machine whose memory its threads do not have');
    }
    const { index, size } = setup;
    const ask = (method: string, ...args: unknown[]): unknown => this.threads.ask(this.server(index), method, ...args);
    ask('newQueue', setup, features.toString());
    return new RemoteQueue(index, size, ask);
  }

  activate(activation: Activation, controlIndex: number): void {
    const { features, queues, interrupts } = activation;
    this.active = activation;
    this.coalescing.activate(activation, controlIndex);
    this.kept.activate(features, controlIndex);
    this.guestOffloads.activate(features);
    this.filter.activate(features);
    this.receiving.forEach((_, pair) => (this.receiving[pair] = queues[2 * pair] !== undefined));
    this.unsubscribe = interrupts.onMessages?.on(() => this.tellRoutes());
    this.tellRoutes();
    const settings = this.settings();
    this.told = JSON.stringify(settings);
    this.guard(() => this.askAll('activate', features.toString(), controlIndex, settings));
  }

  begin(): void {
    if (!this.failed) this.askAll('begin');
  }

  notify(index: number, _queue: ActiveQueue, byDriver: boolean): void {
    if (byDriver) {
      this.threads.ring(this.server(index), index);
      return;
    }
    if (index % 2 === 0) this.receiving[index >>> 1] = true;
    this.tell();
    this.tellRoutes();
    this.threads.ask(this.server(index), 'look', index);
  }

  changed(): void {
    this.tell();
    if (this.active) this.askAll('changed');
  }

  suspend(): boolean {
    return this.askAll('suspend').every((done) => done);
  }

  resume(): void {
    this.askAll('resume');
  }

  resetQueue(index: number): void {
    this.threads.ask(this.server(index), 'resetQueue', index);
    this.coalescing.resetQueue(index);
    if (index % 2 === 0) this.receiving[index >>> 1] = false;
    // Frames that waited for it may go to a queue that another thread serves.
    this.changed();
  }

  forget(): void {
    // What has happened is told while the queues are there; what happens until a thread forgets is of a driver that is gone.
    if (this.active) this.askAll('report');
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.active = undefined;
    this.askAll('forget');
    this.failed = false;
    this.told = '';
    this.routes.length = 0;
    this.receiving.fill(false);
    this.guestOffloads.reset();
    this.multiqueue.reset();
    this.coalescing.reset();
    this.filter.reset();
  }

  invite(): void {
    this.askAll('invite');
    this.peer?.room();
  }

  stall(pair: number): () => void {
    if (!this.active?.queues[2 * pair + 1]) throw new RangeError(`the driver has no transmit queue of pair ${pair}`);
    const server = this.plan.servers[pair];
    this.threads.ask(server, 'stall', pair);
    return () => void this.threads.ask(server, 'goOn', pair);
  }

  steer(frame: Frame): number {
    return this.multiqueue.steering.choose(frame);
  }

  send(frame: Frame, lane: number): Sent {
    return this.threads.links[this.plan.servers[lane]].send(frame, lane);
  }

  flush(): void {
    for (const link of this.threads.links) link.flush();
  }

  room(): void {
    // A link that answered `full` to its thread goes on by itself; what waits in the threads is asked for.
    for (const link of this.threads.links) link.room();
    this.askAll('room');
  }

  /** A frame that the card sends. */
  sendOut(frame: Frame, lane: number): Sent {
    if (this.peer) return this.peer.send(frame, lane);
    const lost = this.lost[frame.lane];
    lost.frames++;
    lost.bytes += frame.length;
    frame.lost = 'unconnected';
    return Sent.dropped;
  }

  guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const fault = asFault(error);
      this.fail();
      this.owner.fault(fault, true);
      this.invite();
      return undefined;
    }
  }

  whileStill<T>(work: () => T): T {
    return this.threads.whileStill(work);
  }

  save(): DataPathState {
    return this.whileStill(() => this.state());
  }

  private state(): DataPathState {
    const { filter, guestOffloads, coalescing, multiqueue, failed } = this;
    const all = this.askAll('save') as DataPathState[];
    this.collect();
    return mergeStates(this.plan, all, {
      filter: filter.save(),
      guestOffloads: guestOffloads.save(),
      coalescing: coalescing.save(),
      multiqueue: multiqueue.save(),
      counters: this.counted.map(copyCounters),
      statistics: this.kept.save(),
      failed,
    });
  }

  restore(state: DataPathState): void {
    for (const thread of this.threads.all) this.threads.ask(thread, 'restore', stateFor(this.plan, thread, state));
    this.filter.restore(state.filter);
    this.guestOffloads.restore(state.guestOffloads);
    this.coalescing.restore({ ...state.coalescing, waiting: [] });
    this.multiqueue.restore(state.multiqueue);
    this.kept.restore(state.statistics);
    // The threads go on counting from there.
    for (const lost of this.lost) lost.frames = lost.bytes = 0;
    this.failed = state.failed;
  }

  /** What happened in a thread; without a driver it concerns nobody. */
  happened({ faults, interrupts, sent }: CardEvents): void {
    if (!this.active) return;
    const sink = this.active.interrupts;
    for (const [index, count] of Object.entries(sent)) sink.sent?.(Number(index), count);
    for (const index of interrupts) sink.queue(index);
    for (const { fault, needsReset } of faults) {
      if (needsReset) this.fail();
      this.owner.fault(faultOf(fault), needsReset);
    }
  }

  private fail(): void {
    this.failed = true;
    this.tell();
  }

  private server(queue: number): number {
    return this.plan.servers[queue >>> 1];
  }

  private askAll(method: string, ...args: unknown[]): unknown[] {
    return this.threads.all.map((thread) => this.threads.ask(thread, method, ...args));
  }

  private settings(): CardSettings {
    const { multiqueue, coalescing, receiving, failed } = this;
    const { pairs, hash, rss } = multiqueue.save();
    const { directions, queues } = coalescing.save();
    return {
      linkUp: this.owner.config.linkUp,
      mac: Array.from(this.owner.config.mac),
      failed,
      filter: this.filter.save(),
      guestOffloads: this.guestOffloads.save(),
      multiqueue: { pairs, hash, ...(rss && { rss }) },
      coalescing: { directions, queues },
      receiving,
    };
  }

  /** Tells the threads what changed, if anything did. */
  private tell(): void {
    if (!this.active) return;
    const settings = this.settings();
    const text = JSON.stringify(settings);
    if (text === this.told) return;
    this.told = text;
    this.askAll('change', settings);
  }

  /** Tells the threads which messages they may send themselves. */
  private tellRoutes(): void {
    const { interrupts, queues } = this.active!;
    for (let index = 0; index < 2 * this.plan.settings.queuePairs; index++) {
      const message = queues[index] && interrupts.message?.(index);
      const own = message && this.isMemory(message.address) ? message : null;
      const text = JSON.stringify(own);
      if (text === (this.routes[index] ?? 'null')) continue;
      this.routes[index] = text;
      this.threads.ask(this.server(index), 'route', index, own);
    }
  }

  private isMemory(address: number): boolean {
    return address % 4 === 0 && address + 4 <= this.plan.memory.byteLength;
  }

  private collect(): void {
    for (const thread of this.threads.all) {
      const { counters, receive, transmit } = this.threads.ask(thread, 'counts') as Counts;
      this.plan.servers.forEach((server, pair) => {
        if (server !== thread) return;
        const lost = this.lost[pair];
        Object.assign(this.counted[pair], withLost(counters[pair], lost));
        Object.assign(this.kept.receive[pair], receive[pair]);
        Object.assign(this.kept.transmit[pair], transmit[pair]);
        this.kept.transmit[pair].drops += lost.frames;
      });
    }
  }
}
