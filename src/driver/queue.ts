import type { DriverRing, AddOptions, Element, UsedBuffer } from './ring.js';
import type { Transport } from './transport.js';

/** A queue at work: its ring, and the way to tell the device of it. */
export class Queue {
  readonly index: number;
  readonly ring: DriverRing;
  /** Its MSI-X vector; undefined where it has none. */
  readonly vector: number | undefined;
  /** Notifications that were sent. */
  notifications = 0;
  private readonly transport: Transport;

  constructor(transport: Transport, index: number, ring: DriverRing, vector?: number) {
    this.transport = transport;
    this.index = index;
    this.ring = ring;
    this.vector = vector;
  }

  add(elements: readonly Element[], options?: AddOptions): Promise<number> {
    return this.ring.add(elements, options);
  }

  /** Publishes what was added, and notifies the device if it wants that. Answers whether it did. */
  async kick(): Promise<boolean> {
    const wanted = await this.ring.publish();
    if (wanted) await this.notify();
    return wanted;
  }

  /** Notifies the device, whether it wants that or not. */
  async notify(): Promise<void> {
    this.notifications++;
    await this.transport.notify(this.index, this.ring);
  }

  collect(): Promise<UsedBuffer[]> {
    return this.ring.collect();
  }
}
