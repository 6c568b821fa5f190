import { Signal } from '../../virtio/signal.js';
import type { GuestEnded } from '../failures.js';

/** How long a worker answers: until it fails, or its guest is stopped. */
export class Lifetime {
  private reason: GuestEnded | undefined;
  private readonly ending = new Signal<GuestEnded>();

  /** Whatever is being asked fails with this, and so does what is asked later. The first reason stays. */
  end(reason: GuestEnded): void {
    if (this.reason) return;
    this.reason = reason;
    this.ending.emit(reason);
  }

  /**
   * Asks something, and waits for the answer.
   * @throws GuestEnded when the lifetime ends meanwhile, or is over; nothing is asked then
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.reason) throw this.reason;
    let forget = (): void => undefined;
    // One for each question: a promise that outlived them would hold on to all their answers.
    const over = new Promise<never>((_, reject) => (forget = this.ending.on(reject)));
    try {
      return await Promise.race([question(), over]);
    } finally {
      forget();
    }
  }
}
