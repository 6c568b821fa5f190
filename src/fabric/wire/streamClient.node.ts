import { createConnection, type Socket } from 'node:net';

import type { Clock } from '../../virtio/clock.js';
import { Signal } from '../../virtio/signal.js';
import { Reconnect, type ReconnectOptions } from './reconnect.js';
import { SocketWire } from './socketWire.node.js';
import { streamAddressText, type StreamAddress } from './streamAddress.node.js';
import { WirePort, type WireLimits } from './wirePort.js';
import type { WireEvent } from './wireEvent.js';

export interface StreamClientOptions extends ReconnectOptions, Partial<WireLimits> {
  clock: Clock;
  name?: string;
}

/**
 * A port that connects to a stream socket with QEMU's framing, such as that of
 * `-netdev stream,id=n,server=on,addr.type=unix,addr.path=PATH`. When the connection ends, or can't be made, it tries
 * again, after waits that grow. It begins at once, so listen to `onEvent` in the same turn.
 */
export class StreamClient extends WirePort {
  readonly onEvent = new Signal<WireEvent>();
  private readonly address: StreamAddress;
  private readonly reconnect: Reconnect;
  private socket: Socket | undefined;
  private closed = false;

  constructor(address: StreamAddress, options: StreamClientOptions) {
    super(options.name ?? streamAddressText(address), options);
    this.address = address;
    this.reconnect = new Reconnect(options.clock, () => this.dial(), options);
    this.dial();
  }

  /** Ends the connection and tries no more. What waits is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.reconnect.stop();
    this.socket?.destroy();
    this.shut();
    this.attach(undefined);
  }

  private dial(): void {
    const socket = (this.socket = createConnection(this.address));
    let failure: string | undefined;
    const failed = (error: Error): void => void (failure = error.message);
    const ended = (reason: string | undefined): void => {
      if (this.closed) return;
      this.shut();
      this.onEvent.emit({ kind: 'disconnected', reason, retryMs: this.reconnect.failed() });
    };
    const notConnected = (): void => ended(failure);
    socket.once('error', failed);
    socket.once('close', notConnected);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.off('close', notConnected);
      this.reconnect.opened();
      new SocketWire(socket, this, ended);
      this.onEvent.emit({ kind: 'connected' });
    });
  }
}
