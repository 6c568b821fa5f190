import type { Clock } from '../../virtio/clock.js';
import { ClientPort, type ClientPortOptions } from './clientPort.js';
import { WebSocketWire, type WebSocketLike } from './webSocket.js';

export type RelayClientOptions = ClientPortOptions;

/**
 * A port that connects to a WebSocket relay, as v86's cards do with `relay_url`: one frame is one binary message. Where the
 * WebSocket can't be paused, as in a browser, what comes in beyond the limits is dropped.
 */
export class RelayClient extends ClientPort {
  private readonly url: string;
  private readonly clock: Clock;
  private readonly openSocket: (url: string) => WebSocketLike;
  private socket: WebSocketLike | undefined;

  /** @param openSocket makes a WebSocket that connects to the URL */
  constructor(url: string, openSocket: (url: string) => WebSocketLike, options: RelayClientOptions) {
    super(options.name ?? url, options);
    this.url = url;
    this.clock = options.clock;
    this.openSocket = openSocket;
    this.dial();
  }

  protected hangUp(): void {
    this.socket?.close();
  }

  protected dial(): void {
    const socket = (this.socket = this.openSocket(this.url));
    socket.binaryType = 'arraybuffer';
    let reason: string | undefined;
    socket.addEventListener('open', () => {
      if (this.closed) socket.close();
      else this.connected(() => new WebSocketWire(socket, this, this.clock));
    });
    socket.addEventListener('error', ({ message }) => {
      if (typeof message === 'string') reason = message;
    });
    // It comes after an error, too.
    socket.addEventListener('close', ({ code }) => {
      this.disconnected(reason ?? `the WebSocket was closed with code ${code}`);
    });
  }
}
