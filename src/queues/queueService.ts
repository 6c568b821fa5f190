import { SharedNode, Sleeper, type LinkEnd } from '../fabric/index.js';
import { DriverFault } from '../virtio/rules.js';
import { CardService } from './cardService.js';
import { LoopClock } from './loopClock.js';
import { Answerer, messageOf } from './mailbox.js';
import { noBell, type PlannedEnd, type QueuePlan } from './plan.js';
import { faultMessage, type CardEvents, type Reply } from './protocol.js';
import type { SpreadCard } from './spreadCard.js';

/** What the control thread may ask of a card's pairs. */
type Method = Exclude<
  {
    [Name in keyof CardService]: CardService[Name] extends (...args: never[]) => unknown ? Name : never;
  }[keyof CardService],
  'poll' | 'takeEvents'
>;

const methods: ReadonlySet<string> = new Set<Method>([
  'newQueue',
  'saveQueue',
  'restoreQueue',
  'pauseQueue',
  'showQueue',
  'wantsInterrupt',
  'activate',
  'begin',
  'look',
  'change',
  'changed',
  'suspend',
  'resume',
  'resetQueue',
  'forget',
  'invite',
  'room',
  'stall',
  'goOn',
  'save',
  'restore',
  'route',
  'counts',
]);

/** The longest that a thread waits without a look around, in milliseconds. */
const longestWait = 1000;

/**
 * One of the threads that serve queues, as a host kernel has a thread for each pair of a card. It can be all that a worker
 * does (`run`), or be worked between two pieces of something else (`poll`).
 */
export class QueueService {
  readonly clock: LoopClock;
  private readonly cards: readonly CardService[];
  private readonly node: SharedNode;
  private readonly self: Sleeper;
  private readonly answerer: Answerer;
  private readonly ring: () => void;
  private ended = false;
  /** The control thread has this one stand still: it answers, and serves nothing. */
  private held = false;
  /** The control thread was told that there are reports. */
  private rung = false;

  /**
   * @param thread its number
   * @param now a clock in milliseconds
   * @param ring tells the control thread that there is something for it
   */
  constructor(plan: QueuePlan, thread: number, now: () => number, ring: () => void) {
    const { threads, asleep, mailboxes, cards, links } = plan;
    this.clock = new LoopClock(now);
    this.ring = ring;
    this.node = new SharedNode(asleep[thread]);
    this.self = new Sleeper(asleep[thread]);
    this.answerer = new Answerer(mailboxes[thread]);
    this.cards = cards.map((card, index) => new CardService(this.clock, card, index, thread));
    for (const { card, threads: both, ends } of links) {
      const side = both.indexOf(thread);
      if (side < 0) continue;
      const other = both[1 - side];
      const port = this.node.addPort(`card ${card} to ${other}`, this.end(ends[side], other === threads));
      const { spread } = this.cards[card];
      if (other === threads) spread.peer = port;
      spread.addLink(other, port);
    }
    for (const [index, { joined }] of cards.entries()) {
      if (joined !== undefined) join(this.cards[index].spread, this.cards[joined].spread);
    }
  }

  /** The control thread ended this one. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Does what there is to do. Answers whether there was something. */
  poll(): boolean {
    const asked = this.answerer.answer((method, args) => this.answer(method, args));
    return this.serve() || asked;
  }

  /** Says that this thread works, and need not be woken. */
  awake(): void {
    this.node.awake();
  }

  /** Waits until somebody wakes this thread, or its clock does; at once when there is something to do. */
  sleep(): void {
    if (this.held) {
      this.self.wait(longestWait, () => this.answerer.waiting);
      return;
    }
    // The wait ends with a look at the links, and so nothing is answered in it: that may be to stand still.
    const look = (): boolean => this.answerer.waiting || this.serve();
    if (this.node.wait(Math.min(this.clock.left, longestWait), look)) this.reportIfNeeded();
  }

  /** Serves until the control thread ends it. */
  run(): void {
    this.awake();
    while (!this.ended) if (!this.poll()) this.sleep();
  }

  /** Does what the control thread asks for, and tells what happened since it asked last. */
  answer(method: string, args: readonly unknown[]): Reply {
    try {
      const value = this.carryOut(method, args);
      return { value, events: this.takeEvents() };
    } catch (error) {
      const events = this.takeEvents();
      return error instanceof DriverFault
        ? { fault: faultMessage(error), events }
        : { error: messageOf(error), events };
    }
  }

  private carryOut(method: string, args: readonly unknown[]): unknown {
    if (method === 'end') {
      this.ended = true;
      return undefined;
    }
    if (method === 'hold' || method === 'release') {
      this.held = method === 'hold';
      return undefined;
    }
    if (method === 'work') return this.work();
    if (method === 'report') return undefined;
    if (!methods.has(method)) throw new Error(`there is nothing called ${method}`);
    const [card, ...rest] = args as [number, ...unknown[]];
    const service = this.cards[card] as unknown as Record<Method, (...rest: unknown[]) => unknown>;
    return service[method as Method](...rest);
  }

  /** Serves what there is to serve, and rings where that is of concern to the control thread. Answers whether there was. */
  private serve(): boolean {
    const any = this.round();
    if (any) this.reportIfNeeded();
    return any;
  }

  /** All that can be done now, within an answer, which tells what came of it. */
  private work(): boolean {
    let any = false;
    while (this.round()) any = true;
    return any;
  }

  private round(): boolean {
    if (this.held) return false;
    let any = this.clock.work();
    for (const card of this.cards) if (card.poll()) any = true;
    if (this.node.poll()) any = true;
    return any;
  }

  private reportIfNeeded(): void {
    if (this.rung || !this.cards.some(({ reports }) => reports)) return;
    this.rung = true;
    this.ring();
  }

  private takeEvents(): CardEvents[] {
    this.rung = false;
    return this.cards.map((card) => card.takeEvents()).filter((events) => events !== undefined);
  }

  private end(end: PlannedEnd, control: boolean): LinkEnd {
    return { ...end, bell: control ? { ...noBell(), postMessage: this.ring } : noBell() };
  }
}

/** What a card sends goes to the other one. */
function join(card: SpreadCard, other: SpreadCard): void {
  card.peer = other;
}
