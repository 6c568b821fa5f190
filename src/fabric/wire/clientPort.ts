import type { Clock } from '../../virtio/clock.js';
import { Signal } from '../../virtio/signal.js';
import { Reconnect, type ReconnectOptions } from './reconnect.js';
import type { WireEvent } from './wireEvent.js';
import { WirePort, type WireLimits } from './wirePort.js';

export interface ClientPortOptions extends ReconnectOptions, Partial<WireLimits> {
  clock: Clock;
  /** Default: where it connects to. */
  name?: string;
}

/**
 * A port that connects by itself. When the connection ends, or can't be made, it tries again, after waits that grow. A
 * kind of it dials at the end of its constructor, so listen to `onEvent` in the same turn.
 */
export abstract class ClientPort extends WirePort {
  readonly onEvent = new Signal<WireEvent>();
  protected closed = false;
  private readonly reconnect: Reconnect;

  constructor(name: string, options: ClientPortOptions) {
    super(name, options);
    this.reconnect = new Reconnect(options.clock, () => this.dial(), options);
  }

  /** Ends the connection and tries no more. What waits is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.reconnect.stop();
    this.hangUp();
    this.shut();
    this.attach(undefined);
  }

  /** Begins to connect. */
  protected abstract dial(): void;

  /** Ends the connection, or the attempt. */
  protected abstract hangUp(): void;

  /** The connection stands; `join` makes it this port's wire. */
  protected connected(join: () => void): void {
    this.reconnect.opened();
    join();
    this.onEvent.emit({ kind: 'connected' });
  }

  /** The connection ended, or could not be made. */
  protected disconnected(reason: string | undefined): void {
    if (this.closed) return;
    this.shut();
    this.onEvent.emit({ kind: 'disconnected', reason, retryMs: this.reconnect.failed() });
  }
}
