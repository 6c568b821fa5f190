import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

import type { Clock } from '../../virtio/clock.js';
import { Signal } from '../../virtio/signal.js';
import { obstacle } from '../obstacle.node.js';
import { PortError } from '../portError.js';
import { Connections, type ConnectionCounters, type Fabric } from './connections.js';
import { remoteText, streamAddressText } from './streamAddress.node.js';
import { WebSocketWire } from './webSocket.js';
import type { ServerEvent } from './wireEvent.js';
import { wireLimits, type WireLimits, type WirePort } from './wirePort.js';

export interface RelayServerOptions extends Partial<WireLimits> {
  clock: Clock;
  /** How many connections may stand at a time; default 256. */
  maxConnections?: number | undefined;
  /** The pages that may connect, by their origins such as `https://copy.sh`; `*` is any. Default: pages of this machine. */
  origins?: readonly string[] | undefined;
  /** How often each connection is asked whether it is still there, in milliseconds; default 30,000. */
  pingInterval?: number | undefined;
}

/** How long a connection may take to say goodbye, in milliseconds. */
const farewell = 500;

/** 1001: this end goes away (RFC 6455, 7.4.1). */
const goingAway = 1001;

interface Connection {
  readonly socket: WebSocket;
  readonly port: WirePort;
  /** Something came since it was asked last. */
  alive: boolean;
}

/**
 * A WebSocket relay for v86's cards (`relay_url`) and for `RelayClient`: each connection has a port of the fabric while it
 * stands, and one binary message is one frame. Programs may connect, which send no origin, and pages of given origins.
 */
export class RelayServer {
  readonly onEvent = new Signal<ServerEvent>();
  private readonly server: Server;
  private readonly sockets: WebSocketServer;
  private readonly connections: Connections;
  private readonly open = new Set<Connection>();
  /** All that anybody has opened, WebSockets or not yet. */
  private readonly streams = new Set<Socket>();
  private readonly clock: Clock;
  private readonly origins: readonly string[] | undefined;
  private readonly pingInterval: number;
  private cancelPing: () => void;
  private closing = false;

  private constructor(fabric: Fabric, options: RelayServerOptions) {
    const { clock, maxConnections = 256, origins, pingInterval = 30_000, ...limits } = options;
    this.clock = clock;
    this.origins = origins;
    this.pingInterval = pingInterval;
    this.connections = new Connections(fabric, maxConnections, limits);
    const maxPayload = limits.maxFrameBytes ?? wireLimits.maxFrameBytes;
    this.sockets = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, clientTracking: false });
    this.server = createServer((_, response) => {
      response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket', connection: 'close' });
      response.end('This is a WebSocket relay for Ethernet frames.\n');
    });
    this.server.on('connection', (stream) => {
      this.streams.add(stream);
      stream.once('close', () => this.streams.delete(stream));
    });
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.cancelPing = clock.after(pingInterval, () => this.ping());
  }

  /** @throws PortError where nothing can listen at this address */
  static async listen(
    address: { readonly host: string; readonly port: number },
    fabric: Fabric,
    options: RelayServerOptions,
  ): Promise<RelayServer> {
    const made = new RelayServer(fabric, options);
    try {
      await new Promise<void>((resolve, reject) => {
        made.server.once('error', reject).listen(address, () => resolve());
      });
    } catch (error) {
      made.cancelPing();
      throw new PortError(obstacle(error, streamAddressText(address), address.host));
    }
    return made;
  }

  /** Where it listens, as v86's `relay_url`; with the port that the system chose where 0 was asked for. */
  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') return '';
    return `ws://${streamAddressText({ host: address.address, port: address.port })}/`;
  }

  counters(): ConnectionCounters {
    return this.connections.counters();
  }

  /** Says goodbye to all connections and listens no more. */
  async close(): Promise<void> {
    this.closing = true;
    this.cancelPing();
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    const cancel = this.clock.after(farewell, () => this.streams.forEach((stream) => stream.destroy()));
    for (const { socket } of this.open) socket.close(goingAway);
    this.server.closeIdleConnections();
    await closed;
    cancel();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const name = remoteText(request.socket) ?? 'somebody';
    const { origin } = request.headers;
    if (origin !== undefined && !this.allows(origin)) {
      this.refuse(name, socket, 403, `pages of ${origin} may not connect`);
    } else if (!this.connections.hasRoom) {
      this.refuse(name, socket, 503, 'there are as many connections as may be');
    } else {
      this.sockets.handleUpgrade(request, socket, head, (opened) => this.accept(name, opened));
    }
  }

  private allows(origin: string): boolean {
    if (this.origins) return this.origins.some((allowed) => allowed === '*' || allowed === origin);
    return /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin);
  }

  private refuse(name: string, socket: Duplex, status: number, reason: string): void {
    this.connections.refuse();
    socket.on('error', () => undefined);
    const answer = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
    // The other side may never end it, and it would take a descriptor until then.
    socket.end(answer, () => socket.destroy());
    this.onEvent.emit({ kind: 'refused', name, reason });
  }

  private accept(name: string, socket: WebSocket): void {
    socket.binaryType = 'arraybuffer';
    const port = this.connections.add(name);
    const connection: Connection = { socket, port, alive: true };
    const heard = (): void => void (connection.alive = true);
    let reason: string | undefined;
    this.open.add(connection);
    socket.on('pong', heard).on('message', heard);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.message;
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') port.drop('tooLong');
    });
    socket.on('close', () => {
      this.open.delete(connection);
      this.connections.remove(port);
      if (!this.closing) this.onEvent.emit({ kind: 'ended', name, reason });
    });
    new WebSocketWire(socket, port, this.clock);
    this.onEvent.emit({ kind: 'accepted', name });
  }

  /** Whoever has said nothing since the last time is gone. */
  private ping(): void {
    for (const connection of this.open) {
      // Of one that is paused nothing can come.
      if (!connection.alive && !connection.port.congested) connection.socket.terminate();
      connection.alive = false;
      connection.socket.ping();
    }
    this.cancelPing = this.clock.after(this.pingInterval, () => this.ping());
  }
}
