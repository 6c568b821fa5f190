import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { DropReason } from '../../net/link/counters.js';
import { placeText, type Forward, type ForwardCounters } from './forwards.js';
import type { Gateway } from './gateway.js';
import { parseAddress } from './address.js';
import type { Datagram } from './udp.js';

/** Somebody who sent a datagram, and the gateway's port that stands for him. */
interface Session {
  readonly address: string;
  readonly port: number;
  readonly gatewayPort: number;
}

/** Senders that are kept apart, and datagrams that may be on their way to the system at once. */
const mostSessions = 256;
const mostPending = 256;

/** Datagrams to a port of this machine, passed on to a station, whose answers go back to who sent them. */
export class UdpForward implements Forward {
  from = '';
  private readonly gateway: Gateway;
  private readonly to: string;
  private readonly toPort: number;
  private readonly socket: Socket;
  /** In the order in which they were heard of last. */
  private readonly sessions = new Map<string, Session>();
  private pending = 0;
  private readonly count = { connections: 0, toStationBytes: 0, fromStationBytes: 0, lostDatagrams: 0 };

  constructor(gateway: Gateway, to: string, toPort: number, host: string) {
    this.gateway = gateway;
    this.to = to;
    this.toPort = toPort;
    this.socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  }

  async listen(host: string, port: number): Promise<void> {
    this.socket.bind({ address: host, port, exclusive: true });
    await once(this.socket, 'listening');
    const { address, port: chosen } = this.socket.address();
    this.from = placeText(address, chosen);
    this.socket.on('error', () => this.count.lostDatagrams++);
    this.socket.on('message', (bytes, from) => this.received(bytes, from));
  }

  counters(): ForwardCounters {
    return {
      ...{ protocol: 'udp', from: this.from, to: placeText(this.to, this.toPort), open: this.sessions.size },
      ...{ ...this.count, failed: {} },
    };
  }

  async close(): Promise<void> {
    for (const { gatewayPort } of this.sessions.values()) this.gateway.closeUdp(gatewayPort);
    this.sessions.clear();
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }

  private received(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    const name = placeText(address, port);
    const session = this.sessions.get(name) ?? this.open(address, port);
    if (!session) {
      this.count.lostDatagrams++;
      return;
    }
    this.sessions.delete(name);
    this.sessions.set(name, session);
    this.count.toStationBytes += bytes.length;
    this.gateway.sendUdp(this.to, this.toPort, session.gatewayPort, bytes);
  }

  private open(address: string, port: number): Session | undefined {
    if (this.sessions.size >= mostSessions) this.forgetOldest();
    const gatewayPort = this.gateway.openUdp((datagram) => this.answered(datagram, address, port));
    if (gatewayPort === undefined) return undefined;
    this.count.connections++;
    return { address, port, gatewayPort };
  }

  private forgetOldest(): void {
    const [[name, { gatewayPort }]] = this.sessions;
    this.sessions.delete(name);
    this.gateway.closeUdp(gatewayPort);
  }

  private answered(datagram: Datagram, address: string, port: number): DropReason | undefined {
    if (datagram.source !== parseAddress(this.to) || datagram.sourcePort !== this.toPort) return 'unreachable';
    if (this.pending >= mostPending) return 'backlogFull';
    this.pending++;
    this.count.fromStationBytes += datagram.payload.length;
    this.socket.send(datagram.payload, port, address, (error) => {
      this.pending--;
      if (error) this.count.lostDatagrams++;
    });
    return undefined;
  }
}
