import type { Clock } from '../../virtio/clock.js';
import { randomNumbers } from '../../virtio/random.js';

/** When a fault happens. All that is said must be true; with nothing said it happens at each event. */
export interface Condition {
  /** This many events pass first. */
  readonly after?: number;
  /** Of those that follow, each Nth, the first of them included. */
  readonly every?: number;
  /** This often at most. */
  readonly times?: number;
  /** With this probability, from 0 to 1. */
  readonly probability?: number;
  /** Where the chances begin; the same seed, the same chances. 1 when left out. */
  readonly seed?: number;
  /** On this queue only, by Linux's name: input.0, output.3, control. */
  readonly queue?: string;
  /** Not earlier than this long after the injection, in milliseconds; a fault of the whole device happens then. */
  readonly time?: number;
  /** How long what is late or passes takes, in milliseconds. */
  readonly delay?: number;
}

/** Decides of each event whether the fault happens, and counts. */
export class Trigger {
  readonly condition: Condition;
  /** How often the fault happened. */
  count = 0;
  private events = 0;
  private readonly clock: Clock;
  private readonly start: number;
  private readonly random: () => number;
  private readonly told: (queue: string | undefined) => void;

  /** @param told called each time the fault happens, with the name of the queue if it has one */
  constructor(condition: Condition, clock: Clock, told: (queue: string | undefined) => void) {
    this.condition = condition;
    this.clock = clock;
    this.start = clock.now();
    this.random = randomNumbers(condition.seed ?? 1);
    this.told = told;
  }

  /** The same for an event of the device as a whole, or of the queue with this name. */
  happens(queue?: string): boolean {
    const { after = 0, every = 1, times = Infinity, probability = 1, queue: only, time = 0 } = this.condition;
    if (only !== undefined && queue !== only) return false;
    if (this.clock.now() - this.start < time) return false;
    const passed = this.events++ - after;
    if (passed < 0 || passed % every !== 0 || this.count >= times) return false;
    if (probability < 1 && this.random() >= probability) return false;
    this.count++;
    this.told(queue);
    return true;
  }
}
