import type { Clock } from '../virtio/clock.js';
import type { ActiveQueue, InterruptSink } from '../virtio/device.js';
import { BufferMemory } from '../virtio/memory.js';
import { newQueue } from '../virtio/newQueue.js';
import type { QueueSetup, QueueState } from '../virtio/queue.js';
import type { DataPathState } from '../net/dataPath.js';
import { PairService } from '../net/pairService.js';
import { Doorbells } from './doorbells.js';
import type { Counts } from './pathState.js';
import type { CardPlan } from './plan.js';
import { faultMessage, type CardEvents, type Message, type CardSettings } from './protocol.js';
import { SpreadCard } from './spreadCard.js';

/** Those pairs of a card that one thread serves. What it is told to do are its methods. */
export class CardService {
  readonly spread: SpreadCard;
  readonly path: PairService;
  private readonly memory: BufferMemory;
  private readonly signals: Int32Array;
  private readonly doorbells: Doorbells;
  /** Data queues that this thread serves, by index. */
  private readonly served: readonly number[];
  private readonly queues: (ActiveQueue | undefined)[] = [];
  private readonly routes: (Message | undefined)[] = [];
  private readonly config = { linkUp: true, mac: new Uint8Array(6) };
  private readonly stalls = new Map<number, () => void>();
  private features = 0n;
  private active = false;
  private receiving: readonly boolean[] = [];
  private events: CardEvents;

  constructor(clock: Clock, plan: CardPlan, card: number, thread: number) {
    this.memory = new BufferMemory(plan.memory);
    this.signals = new Int32Array(plan.memory);
    this.doorbells = new Doorbells(plan.doorbells);
    this.served = plan.servers.flatMap((server, pair) => (server === thread ? [2 * pair, 2 * pair + 1] : []));
    this.events = noEvents(card);
    const fault = (fault: Parameters<typeof faultMessage>[0], needsReset: boolean): void => {
      this.events.faults.push({ fault: faultMessage(fault), needsReset });
    };
    const owner = { config: this.config, fault, pairsChanged: () => undefined };
    this.path = new PairService(clock, plan.settings, owner, {
      flows: new Uint16Array(plan.flows),
      canReceive: (pair) => this.receiving[pair],
    });
    this.spread = new SpreadCard(this.path, plan, thread);
  }

  /** Sees to the queues of which the driver notified. Answers whether there were any. */
  poll(): boolean {
    let any = false;
    for (const index of this.served) {
      const rings = this.doorbells.take(index);
      if (rings === 0) continue;
      any = true;
      const queue = this.queues[index];
      if (!this.active || !queue || this.path.failed || this.path.isSuspended) continue;
      this.path.statistics.notified(index, rings - 1);
      this.path.notify(index, queue, true);
    }
    return any;
  }

  /** What happened since the last time; undefined where nothing did. */
  takeEvents(): CardEvents | undefined {
    const { events } = this;
    const { faults, interrupts, sent } = events;
    if (faults.length === 0 && interrupts.length === 0 && Object.keys(sent).length === 0) return undefined;
    this.events = noEvents(events.card);
    return events;
  }

  /** Whether there is something that the control thread is to do. */
  get reports(): boolean {
    return this.events.faults.length > 0 || this.events.interrupts.length > 0;
  }

  // From here on: what the control thread asks for.

  /** @throws DriverFault */
  newQueue(setup: QueueSetup, features: string): void {
    this.features = BigInt(features);
    this.queues[setup.index] = newQueue(setup, this.memory, this.features);
  }

  saveQueue(index: number): QueueState {
    return this.queues[index]!.save();
  }

  restoreQueue(index: number, state: QueueState): void {
    this.queues[index]!.restore(state);
  }

  // A fault that is told while a queue is given up has the transport ask these of one that is gone here already.

  pauseQueue(index: number, paused: boolean): void {
    const queue = this.queues[index];
    if (queue) queue.paused = paused;
  }

  showQueue(index: number): void {
    this.queues[index]?.show();
  }

  wantsInterrupt(index: number): boolean {
    return this.queues[index]?.wantsInterrupt() ?? false;
  }

  activate(features: string, controlIndex: number, settings: CardSettings): void {
    this.features = BigInt(features);
    this.active = true;
    const { queues, memory } = this;
    const interrupts: InterruptSink = { queue: (index) => this.interrupt(index), config: () => undefined };
    this.path.activate({ queues, features: this.features, memory, interrupts }, controlIndex);
    this.change(settings);
  }

  begin(): void {
    this.path.begin();
  }

  /** There may be buffers in a queue, though the driver told nobody. */
  look(index: number): void {
    const queue = this.queues[index];
    if (this.active && queue) this.path.notify(index, queue, false);
  }

  change(settings: CardSettings): void {
    const { linkUp, mac, receiving } = settings;
    this.config.linkUp = linkUp;
    this.config.mac.set(mac);
    this.receiving = receiving;
    this.path.follow(settings, this.features);
  }

  changed(): void {
    this.path.changed();
  }

  suspend(): boolean {
    return this.path.guard(() => this.path.suspend()) ?? true;
  }

  resume(): void {
    this.path.resume();
  }

  resetQueue(index: number): void {
    this.path.resetQueue(index);
    this.queues[index] = undefined;
    this.doorbells.take(index);
  }

  forget(): void {
    this.path.forget();
    this.active = false;
    this.queues.length = 0;
    this.routes.length = 0;
    this.stalls.clear();
    for (const index of this.served) this.doorbells.take(index);
  }

  invite(): void {
    this.path.invite();
  }

  room(): void {
    this.path.room();
  }

  stall(pair: number): void {
    this.stalls.set(pair, this.path.stall(pair));
  }

  goOn(pair: number): void {
    this.stalls.get(pair)?.();
    this.stalls.delete(pair);
  }

  counts(): Counts {
    const { receive, transmit } = this.path.statistics;
    return { counters: [...this.path.counters], receive: [...receive], transmit: [...transmit] };
  }

  save(): DataPathState {
    return this.path.save();
  }

  restore(state: DataPathState): void {
    this.path.restore(state);
  }

  /** The message of a queue's interrupts, where this thread may send it; else the control thread does. */
  route(index: number, message: Message | null): void {
    this.routes[index] = message ?? undefined;
  }

  private interrupt(index: number): void {
    const route = this.routes[index];
    if (!route) {
      this.events.interrupts.push(index);
      return;
    }
    this.events.sent[index] = (this.events.sent[index] ?? 0) + 1;
    // A message is a write to memory (PCI 3.0, 6.8); a driver in another thread may wait for it there.
    Atomics.store(this.signals, route.address >>> 2, route.data);
    Atomics.notify(this.signals, route.address >>> 2);
  }
}

function noEvents(card: number): CardEvents {
  return { card, faults: [], interrupts: [], sent: {} };
}
