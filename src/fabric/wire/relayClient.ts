import type { Clock } from '../../virtio/clock.js';
import { Signal } from '../../virtio/signal.js';
import { Reconnect, type ReconnectOptions } from './reconnect.js';
import { WebSocketWire, type WebSocketLike } from './webSocket.js';
import type { WireEvent } from './wireEvent.js';
import { WirePort, type WireLimits } from './wirePort.js';

export interface RelayClientOptions extends ReconnectOptions, Partial<WireLimits> {
  clock: Clock;
  /** Default: the relay's URL. */
  name?: string;
}

/**
 * A port that connects to a WebSocket relay, as v86's cards do with `relay_url`: one frame is one binary message. When the
 * connection ends, or can't be made, it tries again, after waits that grow. It begins at once, so listen to `onEvent` in
 * the same turn. Where the WebSocket can't be paused, as in a browser, what comes in beyond the limits is dropped.
 */
export class RelayClient extends WirePort {
  readonly onEvent = new Signal<WireEvent>();
  private readonly url: string;
  private readonly clock: Clock;
  private readonly openSocket: (url: string) => WebSocketLike;
  private readonly reconnect: Reconnect;
  private socket: WebSocketLike | undefined;
  private closed = false;

  /** @param openSocket makes a WebSocket that connects to the URL */
  constructor(url: string, openSocket: (url: string) => WebSocketLike, options: RelayClientOptions) {
    super(options.name ?? url, options);
    this.url = url;
    this.clock = options.clock;
    this.openSocket = openSocket;
    this.reconnect = new Reconnect(options.clock, () => this.dial(), options);
    this.dial();
  }

  /** Ends the connection and tries no more. What waits is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.reconnect.stop();
    this.socket?.close();
    this.shut();
    this.attach(undefined);
  }

  private dial(): void {
    const socket = (this.socket = this.openSocket(this.url));
    socket.binaryType = 'arraybuffer';
    let reason: string | undefined;
    socket.addEventListener('open', () => {
      if (this.closed) {
        socket.close();
        return;
      }
      this.reconnect.opened();
      new WebSocketWire(socket, this, this.clock);
      this.onEvent.emit({ kind: 'connected' });
    });
    socket.addEventListener('error', ({ message }) => {
      if (typeof message === 'string') reason = message;
    });
    // It comes after an error, too.
    socket.addEventListener('close', ({ code }) => {
      if (this.closed) return;
      this.shut();
      reason ??= `the WebSocket was closed with code ${code}`;
      this.onEvent.emit({ kind: 'disconnected', reason, retryMs: this.reconnect.failed() });
    });
  }
}
