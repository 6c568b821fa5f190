import type { SharedPort } from '../fabric/index.js';
import type { Frame } from '../net/link/frame.js';
import { allOffloads } from '../net/link/offloads.js';
import type { Port, Sent } from '../net/link/port.js';
import type { PairService } from '../net/pairService.js';
import type { CardPlan } from './plan.js';

/** Somewhere frames go to and come from, as far as a card's pairs are concerned. */
type Lanes = Pick<Port, 'steer' | 'send' | 'flush' | 'room'>;

/**
 * A card whose pairs are served by several threads, as one of these sees it: what is for a pair of its own it hands to that
 * at once, what is for another goes into the ring to the thread that has it.
 */
export class SpreadCard implements Lanes {
  /** Where the card's own frames go: a card that it is joined with, or the link to the control thread. */
  peer: Lanes | undefined;
  private readonly path: PairService;
  private readonly plan: CardPlan;
  private readonly thread: number;
  /** By thread; the one to the control thread only brings frames. */
  private readonly links: (SharedPort | undefined)[] = [];

  constructor(path: PairService, plan: CardPlan, thread: number) {
    this.path = path;
    this.plan = plan;
    this.thread = thread;
    path.peer = port(`outlet of ${thread}`, {
      steer: (frame) => this.peer?.steer(frame) ?? 0,
      send: (frame, lane) => this.peer!.send(frame, lane),
      flush: () => this.peer?.flush(),
      room: () => this.invite(),
    });
  }

  /** Frames for the card come in by this link, and go out by it to pairs that the other thread has. */
  addLink(thread: number, link: SharedPort): void {
    this.links[thread] = link;
    link.attach(
      port(`inlet from ${thread}`, {
        steer: (frame) => this.steer(frame),
        send: (frame, lane) => this.send(frame, lane),
        flush: () => this.flush(),
        // There is room for what was to go there: for frames to the card, or to the control thread for the card's own.
        room: () => {
          if (this.peer === link) this.room();
          else this.invite();
        },
      }),
    );
  }

  steer(frame: Frame): number {
    return this.path.steer(frame);
  }

  send(frame: Frame, lane: number): Sent {
    // A frame that waited may come for a pair that is not in use any more.
    const pair = this.path.multiqueue.steering.uses(lane) ? lane : this.steer(frame);
    const server = this.plan.servers[pair];
    return server === this.thread ? this.path.send(frame, pair) : this.links[server]!.send(frame, pair);
  }

  flush(): void {
    this.path.flush();
    for (const link of this.links) if (link !== this.peer) link?.flush();
  }

  /** Where the card's own frames go there is room again. */
  room(): void {
    this.path.room();
  }

  /** The card has room: whoever waits here to send to it tries again. */
  private invite(): void {
    this.peer?.room();
    for (const link of this.links) if (link !== this.peer) link?.room();
  }
}

/** A port that stands for such lanes, where a whole one is asked for. */
export function port(name: string, lanes: Lanes): Port {
  return { name, lanes: 1, listening: true, offloads: allOffloads, attach: () => undefined, ...lanes };
}
