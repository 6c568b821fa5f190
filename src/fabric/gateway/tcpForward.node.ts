import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { placeText, type Forward, type ForwardCounters } from './forwards.js';
import type { Gateway } from './gateway.js';
import type { TcpConnection } from './tcp/connection.js';

/** Bytes that are given to a socket at once. */
const piece = 1 << 16;

/** Connections to a port of this machine, each of them passed on to a station by one of the gateway's. */
export class TcpForward implements Forward {
  from = '';
  private readonly gateway: Gateway;
  private readonly to: string;
  private readonly toPort: number;
  private readonly server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  private readonly bridges = new Set<Bridge>();
  private readonly count = { connections: 0, toStationBytes: 0, fromStationBytes: 0 };
  private readonly failed: Record<string, number> = {};

  constructor(gateway: Gateway, to: string, toPort: number) {
    this.gateway = gateway;
    this.to = to;
    this.toPort = toPort;
  }

  async listen(host: string, port: number): Promise<void> {
    this.server.listen({ host, port, exclusive: true });
    await once(this.server, 'listening');
    const { address, port: chosen } = this.server.address() as AddressInfo;
    this.from = placeText(address, chosen);
    // Where the system can't accept a connection for now, the next may do better.
    this.server.on('error', () => this.fail('system'));
  }

  counters(): ForwardCounters {
    const counters: ForwardCounters = {
      ...{ protocol: 'tcp', from: this.from, to: placeText(this.to, this.toPort), open: this.bridges.size },
      ...{ ...this.count, failed: { ...this.failed }, lostDatagrams: 0 },
    };
    for (const { connection } of this.bridges) add(counters, connection);
    return counters;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    for (const bridge of this.bridges) bridge.break();
    await closed;
  }

  private accept(socket: Socket): void {
    this.count.connections++;
    const connection = this.gateway.connect(this.to, this.toPort, (opened) => {
      const bridge = new Bridge(socket, opened, (failure) => {
        this.bridges.delete(bridge);
        add(this.count, opened);
        if (failure) this.fail(failure);
      });
      this.bridges.add(bridge);
    });
    if (connection) return;
    this.fail('tooMany');
    socket.on('error', () => undefined);
    socket.resetAndDestroy();
  }

  private fail(reason: string): void {
    this.failed[reason] = (this.failed[reason] ?? 0) + 1;
  }
}

function add(sum: { toStationBytes: number; fromStationBytes: number }, connection: TcpConnection): void {
  sum.toStationBytes += connection.sentBytes;
  sum.fromStationBytes += connection.receivedBytes;
}

/** A socket of this machine and a connection of the gateway: each gets what comes of the other, until both are over. */
class Bridge {
  readonly connection: TcpConnection;
  private readonly socket: Socket;
  private readonly done: (failure: string | undefined) => void;
  /** What the connection had no room for; the socket brings no more until it has. */
  private rest: Uint8Array | undefined;
  /** The socket has as much as it should. */
  private full = false;
  private ended = false;
  private failure: string | undefined;
  /** How many of the two are not over. */
  private left = 2;

  constructor(socket: Socket, connection: TcpConnection, done: (failure: string | undefined) => void) {
    this.socket = socket;
    this.connection = connection;
    this.done = done;
    connection.handler = {
      readable: () => this.pump(),
      writable: () => this.writable(),
      closed: (failure) => {
        this.failure ??= failure;
        if (failure) socket.resetAndDestroy();
        this.over();
      },
    };
    socket.on('data', (bytes) => this.push(bytes));
    // A paused socket ends too, while there is a rest of it.
    socket.on('end', () => this.finish());
    socket.on('drain', () => {
      this.full = false;
      this.pump();
    });
    // What went wrong shows in how it closes.
    socket.on('error', () => undefined);
    socket.on('close', (hadError) => this.closed(hadError));
  }

  /** Ends both at once. */
  break(): void {
    this.socket.resetAndDestroy();
    this.connection.abort();
  }

  private push(bytes: Uint8Array): void {
    const taken = this.connection.write(bytes);
    this.rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
    if (this.rest) this.socket.pause();
  }

  private writable(): void {
    const { rest } = this;
    if (!rest) return;
    this.push(rest);
    if (this.rest) return;
    this.socket.resume();
    this.finish();
  }

  /** Ends the station's stream when the connection has all that came before the end of the socket's. */
  private finish(): void {
    if (!this.rest && this.socket.readableEnded) this.connection.end();
  }

  private pump(): void {
    while (!this.full) {
      const bytes = this.connection.read(piece);
      if (!bytes) break;
      this.full = !this.socket.write(bytes);
    }
    if (this.ended || !this.connection.ended) return;
    this.ended = true;
    this.socket.end();
  }

  private closed(hadError: boolean): void {
    const { connection, socket } = this;
    if (!socket.readableEnded || !socket.writableFinished) {
      if (hadError) this.failure ??= 'closed';
      if (connection.isOpen) connection.abort();
    }
    this.over();
  }

  private over(): void {
    if (--this.left === 0) this.done(this.failure);
  }
}
