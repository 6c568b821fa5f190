import type { Clock } from '../../virtio/clock.js';

/**
 * How long a thread that sent something looks for the answer before it stands still: to be woken takes as long as an answer
 * does where processors are virtual. It is twice as long as the last answer took, and half as long as before where none came
 * in time, as hypervisors do it that look for work before they halt a processor.
 */
export class Lookout {
  private readonly most: number;
  private readonly clock: Clock;
  private time: number;

  /** @param most it never looks longer, in milliseconds */
  constructor(most: number, clock: Clock) {
    this.most = most;
    this.clock = clock;
    this.time = most / 4;
  }

  /**
   * Waits until there is something, but for so many milliseconds at most.
   * @param ready whether there is
   * @param stand waits without looking, for so many milliseconds at most
   */
  wait(milliseconds: number, ready: () => boolean, stand: (milliseconds: number) => void): void {
    // What is there already says nothing of how long answers take.
    if (ready()) return;
    const { most, clock } = this;
    const start = clock.now();
    const end = start + Math.min(milliseconds, this.time);
    let now = start;
    while (!ready() && now < end) now = clock.now();
    if (!ready()) stand(start + milliseconds - now);
    const took = clock.now() - start;
    if (took <= most && ready()) this.time = Math.min(most, 2 * took);
    else if (took >= this.time) this.time /= 2;
    // Less would never grow again where it takes long to be woken.
    this.time = Math.max(most / 8, this.time);
  }
}
