import { lstat, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

import { Signal } from '../../virtio/signal.js';
import { obstacle, pathObstacle } from '../obstacle.node.js';
import { PortError } from '../portError.js';
import { Connections, type ConnectionCounters, type Fabric } from './connections.js';
import { SocketWire } from './socketWire.node.js';
import { remoteText, streamAddressText, type StreamAddress } from './streamAddress.node.js';
import type { ServerEvent } from './wireEvent.js';
import type { WireLimits } from './wirePort.js';

export interface StreamServerOptions extends Partial<WireLimits> {
  /** How many connections may stand at a time; default 64. */
  maxConnections?: number | undefined;
}

/**
 * Listens on a stream socket with QEMU's framing: each connection, such as that of
 * `-netdev stream,id=n,server=off,addr.type=unix,addr.path=PATH` or `-netdev socket,id=n,connect=HOST:PORT`, has a port of
 * the fabric while it stands.
 */
export class StreamServer {
  readonly onEvent = new Signal<ServerEvent>();
  private readonly server: Server;
  private readonly connections: Connections;
  private readonly sockets = new Set<Socket>();
  private number = 0;
  private closing = false;

  private constructor(fabric: Fabric, { maxConnections = 64, ...limits }: StreamServerOptions) {
    this.connections = new Connections(fabric, maxConnections, limits);
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  /**
   * A socket file that nobody listens on any more is replaced.
   * @throws PortError where nothing can listen at this address
   */
  static async listen(
    address: StreamAddress,
    fabric: Fabric,
    options: StreamServerOptions = {},
  ): Promise<StreamServer> {
    const made = new StreamServer(fabric, options);
    try {
      await replacing(made.server, address);
    } catch (error) {
      const place = streamAddressText(address);
      throw new PortError('path' in address ? pathObstacle(error, place) : obstacle(error, place, address.host));
    }
    return made;
  }

  /** Where it listens; with the port that the system chose where 0 was asked for. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') return address ?? '';
    return streamAddressText({ host: address.address, port: address.port });
  }

  counters(): ConnectionCounters {
    return this.connections.counters();
  }

  /** Ends all connections and listens no more. */
  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private accept(socket: Socket): void {
    const name = remoteText(socket) ?? `connection ${++this.number}`;
    if (!this.connections.hasRoom) {
      this.connections.refuse();
      socket.on('error', () => undefined).destroy();
      this.onEvent.emit({ kind: 'refused', name, reason: 'there are as many connections as may be' });
      return;
    }
    const port = this.connections.add(name);
    this.sockets.add(socket);
    new SocketWire(socket, port, (reason) => {
      this.sockets.delete(socket);
      this.connections.remove(port);
      if (!this.closing) this.onEvent.emit({ kind: 'ended', name, reason });
    });
    this.onEvent.emit({ kind: 'accepted', name });
  }
}

/** Listens, in the place of a socket file that nobody listens on any more. */
async function replacing(server: Server, address: StreamAddress): Promise<void> {
  try {
    await listening(server, address);
  } catch (error) {
    if (!('path' in address) || !isCode(error, 'EADDRINUSE') || !(await isDeserted(address.path))) throw error;
    await unlink(address.path);
    await listening(server, address);
  }
}

function listening(server: Server, address: StreamAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether a socket file is left of a program that is gone. */
async function isDeserted(path: string): Promise<boolean> {
  // Who connects to a file that is no socket is refused too.
  if (!(await lstat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once('error', (error) => resolve(isCode(error, 'ECONNREFUSED')));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
