import type { NotificationCoalescing } from './coalescing.js';
import type { Reception } from './reception.js';
import type { Transmission } from './transmission.js';

/** What the link is to be when the card goes on, if somebody said so meanwhile. */
export interface SuspensionState {
  link?: boolean;
}

/** The driver has the card stand still (virtio 1.4, 3.4): it takes nothing, and its configuration stays as it is. */
export class Suspension {
  private state: SuspensionState | undefined;
  private readonly transmission: Transmission;
  private readonly reception: Reception;
  private readonly coalescing: NotificationCoalescing;

  constructor(transmission: Transmission, reception: Reception, coalescing: NotificationCoalescing) {
    this.transmission = transmission;
    this.reception = reception;
    this.coalescing = coalescing;
  }

  get on(): boolean {
    return this.state !== undefined;
  }

  /** Packets that wait for room are sent or reach their deadline first. Answers whether there are none. @throws DriverFault */
  begin(): boolean {
    this.restore(this.state ?? {});
    this.transmission.work();
    this.reception.flush();
    this.coalescing.tellAll();
    return !this.transmission.holds;
  }

  /** Notes what the link is to be afterwards. Answers whether that has to wait. */
  keepLink(up: boolean): boolean {
    if (this.state) this.state.link = up;
    return this.on;
  }

  /** Answers what the link is to be, if that changed. */
  end(): boolean | undefined {
    const link = this.state?.link;
    this.restore(undefined);
    return link;
  }

  save(): SuspensionState | undefined {
    return this.state && { ...this.state };
  }

  restore(state: SuspensionState | undefined): void {
    this.state = state;
    this.transmission.taking = !state;
  }
}
