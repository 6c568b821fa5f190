import type { Clock } from '../../virtio/clock.js';
import type { LinkEnd } from './link.js';
import { Lookout } from './lookout.js';
import { SharedPort } from './port.js';
import { Sleeper, sleepState, type SleepWord } from './sleeper.js';

/**
 * A thread among others: all its links, and whether it sleeps. A thread that is busy, such as one whose guest runs, says so
 * by `awake` and calls `poll` between two pieces of its work; then the others leave it alone. One that will wait in its
 * event loop calls `sleep`, and is woken by its links when something comes; one that has nothing else to do stands still in
 * `wait`, from which it is woken soonest. It begins asleep.
 */
export class SharedNode {
  /** Those that are open. */
  ports: readonly SharedPort[] = [];
  private lookout: Lookout | undefined;
  private readonly self: Sleeper;
  private busy = false;
  /** Frames that went out by the time of the last wait. */
  private sent = 0;

  constructor(asleep: SleepWord) {
    this.self = new Sleeper(asleep);
  }

  /** A port for an end of a link, which was made with this thread's sleep word. */
  addPort(name: string, end: LinkEnd): SharedPort {
    const port = new SharedPort(name, end, () => this.left(port));
    this.ports = [...this.ports, port];
    end.bell.onmessage = () => {
      port.rung();
      this.woken();
    };
    return port;
  }

  /** Hands on whatever came in. Answers whether there was something. */
  poll(): boolean {
    let any = false;
    for (const port of this.ports) {
      if (!port.ready) continue;
      port.poll();
      any = true;
    }
    return any;
  }

  awake(): void {
    this.busy = true;
    this.self.say(sleepState.awake);
  }

  /** Answers whether something had come in before the others could see that this thread sleeps; it is handed on. */
  sleep(): boolean {
    this.busy = false;
    this.self.say(sleepState.sleeping);
    let any = false;
    while (this.poll()) any = true;
    return any;
  }

  /**
   * Stands still until something comes, but for so many milliseconds at most, and hands it on. Answers whether something
   * came; the thread is awake then, as it was before. Only where a thread may stand still: not in a page's own.
   * @param look for a thread that others wake for more than its links: answers whether there is something to do
   */
  wait(milliseconds: number, look = () => this.ready): boolean {
    const stand = (left: number): void => this.self.wait(left, look);
    if (this.lookout && this.hasSent()) this.lookout.wait(milliseconds, () => this.ready, stand);
    else stand(milliseconds);
    return this.poll();
  }

  /**
   * Has `wait` look for an answer, for so many milliseconds at most, before the thread stands still, where something was sent
   * since the last time. Only for a thread whose processor no other of these threads waits for.
   */
  lookForAnswers(most: number, clock: Clock): void {
    this.lookout = new Lookout(most, clock);
  }

  /** Whether something was sent since this was asked last. */
  private hasSent(): boolean {
    const sent = this.ports.reduce((sum, { counters }) => sum + counters.outFrames, 0);
    const any = sent !== this.sent;
    this.sent = sent;
    return any;
  }

  private get ready(): boolean {
    return this.ports.some((port) => port.ready);
  }

  close(): void {
    for (const port of this.ports) port.close();
  }

  /**
   * A port was closed. Who woke this thread by its link may have done so in vain, as its bell is not heard any more, or as
   * the other thread broke before it rang: this one looks once more, as soon as it is done with what it does now.
   */
  private left(port: SharedPort): void {
    this.ports = this.ports.filter((other) => other !== port);
    void Promise.resolve().then(() => this.woken());
  }

  /** Whoever woke this thread has said for it that it is awake: that ends with the work, unless it has other work. */
  private woken(): void {
    if (this.busy) this.poll();
    else this.sleep();
  }
}
