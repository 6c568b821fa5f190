import { SharedNode, Sleeper, type Bell, type SharedPort } from '../fabric/index.js';
import { NetDevice, type NetDeviceOptions } from '../net/index.js';
import { netOptions } from '../net/options.js';
import type { Clock } from '../virtio/clock.js';
import { Doorbells } from './doorbells.js';
import { ThreadFailure, type Call } from './mailbox.js';
import { noBell, planQueues, type CardWish, type QueuePlan } from './plan.js';
import { faultOf, type CardEvents, type Reply } from './protocol.js';
import { port } from './spreadCard.js';
import { WorkerPath, type CardThreads } from './workerPath.js';

/** A card whose pairs are to be served by threads of their own. */
export interface QueueCardOptions extends Omit<CardWish, 'settings'> {
  readonly device: NetDeviceOptions;
}

/** @throws RangeError for an option out of its range, or a thread or a card that there is not */
export function planCards(threads: number, cards: readonly QueueCardOptions[]): QueuePlan {
  return planQueues(
    threads,
    cards.map(({ device, ...rest }) => {
      const { queuePairs, mtu, deadline } = netOptions(device);
      return { ...rest, settings: { queuePairs, mtu, deadline } };
    }),
  );
}

/**
 * The control thread's side of cards whose pairs are served by threads of their own: it has the cards, with their
 * configuration and control queues, and tells the threads what their drivers command. It waits for the threads' answers, so
 * it may be any thread but that of a web page.
 */
export class QueueThreads {
  readonly devices: readonly NetDevice[];
  private readonly plan: QueuePlan;
  private readonly calls: readonly Call[];
  private readonly node: SharedNode;
  private readonly paths: WorkerPath[] = [];
  private readonly bells: readonly Bell[];
  private ended = false;
  private still = false;

  /** @param calls by thread: asks it */
  constructor(clock: Clock, plan: QueuePlan, cards: readonly QueueCardOptions[], calls: readonly Call[]) {
    const { threads, asleep } = plan;
    this.plan = plan;
    this.calls = calls;
    this.node = new SharedNode(asleep[threads]);
    this.bells = Array.from({ length: threads }, noBell);
    this.devices = cards.map(({ device }, card) => {
      const links: SharedPort[] = [];
      return new NetDevice(clock, device, (_clock, _settings, owner) => {
        const path = new WorkerPath(clock, plan.cards[card], owner, this.threadsOf(card, links));
        links.push(...this.linksOf(card, path));
        this.paths.push(path);
        return path;
      });
    });
  }

  /** A thread rang: it has frames for this one, or something to report. */
  rung(thread: number): void {
    if (this.ended) return;
    try {
      this.bells[thread].onmessage?.(undefined as never);
      this.ask(thread, 'report');
    } catch (error) {
      // That a thread failed is told to whoever uses the cards, not here, where nobody asked for anything.
      if (!(error instanceof ThreadFailure)) throw error;
    }
  }

  /** Has all threads do what there is to do, until nothing is left that can be done now. */
  settle(): void {
    for (let more = true; more;) {
      more = this.node.poll();
      for (let thread = 0; thread < this.plan.threads; thread++) if (this.ask(thread, 'work')) more = true;
    }
  }

  /**
   * Has all threads stand still while `work` is done; they only answer. To save a machine, save its cards and copy its memory
   * within one such call: all of it is of one moment then, but for what drivers in other threads do to the memory.
   */
  whileStill<T>(work: () => T): T {
    if (this.still) return work();
    this.still = true;
    try {
      this.askAll('hold');
      return work();
    } finally {
      this.still = false;
      this.askAll('release');
    }
  }

  /**
   * Ends the threads. The cards are of no use afterwards.
   * @throws ThreadFailure when a thread can't be told, once all others were
   */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    let failure: unknown;
    for (const call of this.calls) {
      try {
        call('end', []);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure as Error;
  }

  private ask(thread: number, method: string, ...args: unknown[]): unknown {
    if (this.ended) throw new Error('The threads of the card have ended, and it is of no use any more.');
    const reply = this.calls[thread](method, args) as Reply;
    for (const events of reply.events) this.happened(events);
    if (reply.fault) throw faultOf(reply.fault);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.value;
  }

  private askAll(method: string): void {
    for (let thread = 0; thread < this.plan.threads; thread++) this.ask(thread, method);
  }

  private happened(events: CardEvents): void {
    this.paths[events.card].happened(events);
  }

  private threadsOf(card: number, links: readonly SharedPort[]): CardThreads {
    const doorbells = new Doorbells(this.plan.cards[card].doorbells);
    const sleepers = this.plan.asleep.map((word) => new Sleeper(word));
    return {
      all: Array.from({ length: this.plan.threads }, (_, thread) => thread),
      ask: (thread: number, method: string, ...args: unknown[]) => this.ask(thread, method, card, ...args),
      whileStill: (work) => this.whileStill(work),
      links,
      ring: (thread: number, queue: number) => doorbells.ring(queue, sleepers[thread]),
    };
  }

  /** By thread: the port by which frames for the card go there, and its own come from there. */
  private linksOf(card: number, path: WorkerPath): SharedPort[] {
    const { threads, links } = this.plan;
    return links
      .filter((link) => link.card === card && link.threads[1] === threads)
      .map(({ threads: [thread], ends: [, end] }) => {
        const link = this.node.addPort(`card ${card} of ${thread}`, { ...end, bell: this.bells[thread] });
        link.attach(
          port(`card ${card}`, {
            steer: (frame) => path.peer?.steer(frame) ?? 0,
            send: (frame, lane) => path.sendOut(frame, lane),
            flush: () => path.peer?.flush(),
            room: () => path.peer?.room(),
          }),
        );
        return link;
      });
  }
}
