import type { DropReason } from '../../../net/link/counters.js';
import type { Frame } from '../../../net/link/frame.js';
import type { Sent } from '../../../net/link/port.js';
import type { Clock } from '../../../virtio/clock.js';
import type { Neighbours } from '../neighbours.js';
import type { Outgoing } from '../packet.js';
import { protocols, transportStart, type Packet } from '../packet.js';
import { firstEphemeral, lastEphemeral } from '../ports.js';
import { TcpConnection } from './connection.js';
import type { TcpPlace } from './place.js';
import { checksumAt, flag, headerBytes, Segment, writeHeader } from './segment.js';
import { plus } from './sequence.js';

/** Given a connection before anything happens to it, to set its handler. */
export type Prepare = (connection: TcpConnection) => void;

export interface TcpCounters {
  /** Connections that are open now. */
  open: number;
  /** Since the start: by the gateway, and by stations. */
  dialled: number;
  accepted: number;
  /** Those that failed, by what happened. */
  failed: Record<string, number>;
  /** Segments that were sent again. */
  retransmissions: number;
}

export interface TcpSettings {
  clock: Clock;
  neighbours: Neighbours;
  out: Outgoing;
  mtu: number;
  bufferBytes: number;
  connections: number;
  random: () => number;
  transmit: (frame: Frame) => Sent;
  /** Work is due where no burst is under way. */
  run: () => void;
  /** The same, but when the code that is running now has ended. */
  runSoon: () => void;
  /** Sends the frame that is made then when the burst that is under way has ended. */
  later: (make: () => Frame) => void;
}

/** All connections of TCP (RFC 9293) that the gateway has with stations. */
export class Tcp implements TcpPlace {
  readonly clock: Clock;
  readonly neighbours: Neighbours;
  readonly out: Outgoing;
  readonly mtu: number;
  readonly bufferBytes: number;
  readonly windowScale: number;
  private readonly settings: TcpSettings;
  private readonly segment = new Segment();
  /** By the gateway's port, and then by the station's address and port. */
  private readonly connections = new Map<number, Map<number, TcpConnection>>();
  private readonly listeners = new Map<number, Prepare>();
  private readonly late = new Set<TcpConnection>();
  private awake = new Set<TcpConnection>();
  private full = new Set<TcpConnection>();
  private nextPort: number;
  private readonly counts: TcpCounters = { open: 0, dialled: 0, accepted: 0, failed: {}, retransmissions: 0 };

  constructor(settings: TcpSettings) {
    const { clock, neighbours, out, mtu, bufferBytes, random } = settings;
    this.settings = settings;
    this.clock = clock;
    this.neighbours = neighbours;
    this.out = out;
    this.mtu = mtu;
    this.bufferBytes = bufferBytes;
    // The least that makes the whole buffer's size fit into 16 bits (RFC 7323, 2).
    this.windowScale = Math.max(0, Math.ceil(Math.log2((bufferBytes + 1) / 0x10000)));
    this.nextPort = firstEphemeral + Math.floor(random() * (lastEphemeral - firstEphemeral + 1));
  }

  /** Opens a connection; undefined where there are as many as may be. */
  connect(address: number, port: number, prepare: Prepare): TcpConnection | undefined {
    if (this.counts.open >= this.settings.connections) return undefined;
    const localPort = this.freePort(key(address, port));
    if (localPort === undefined) return undefined;
    const connection = new TcpConnection(this, { address, port }, localPort);
    this.add(connection);
    this.counts.dialled++;
    prepare(connection);
    this.wake(connection);
    return connection;
  }

  /** Prepares connections to a port. @throws RangeError where somebody does already */
  listen(port: number, accept: Prepare): void {
    if (this.listeners.has(port)) throw new RangeError(`TCP port ${port} of the gateway is in use.`);
    this.listeners.set(port, accept);
  }

  unlisten(port: number): void {
    this.listeners.delete(port);
  }

  /** A packet of TCP came in. */
  received(packet: Packet): DropReason | undefined {
    const { segment } = this;
    if (!packet.checksumHolds()) return 'checksum';
    if (!segment.read(packet)) return 'malformed';
    const connection = this.connections.get(segment.destinationPort)?.get(key(packet.source, segment.sourcePort));
    if (connection && !(isOpening(segment) && this.late.has(connection))) {
      this.awake.add(connection);
      return connection.received(segment);
    }
    // A station may use its port again before the gateway has forgotten what was there (RFC 9293, 3.6.1).
    connection?.close();
    return isOpening(segment) ? this.opened(packet, segment) : this.refuse(segment);
  }

  /** At the end of a burst: all connections that something happened to go on. */
  service(): void {
    while (this.awake.size > 0) {
      const { awake } = this;
      this.awake = new Set();
      for (const connection of awake) connection.service();
    }
  }

  /** There is room for what connections have to send. */
  room(): void {
    const { full } = this;
    this.full = new Set();
    for (const connection of full) this.awake.add(connection);
  }

  /** Gives up all connections; who uses them is told as soon as the code that is running now has ended. */
  close(): void {
    for (const connection of this.all()) connection.abort();
    this.full.clear();
  }

  counters(): TcpCounters {
    const { counts } = this;
    const now = this.all().reduce((sum, { retransmissions }) => sum + retransmissions, 0);
    return { ...counts, failed: { ...counts.failed }, retransmissions: counts.retransmissions + now };
  }

  random(): number {
    return this.settings.random();
  }

  transmit(frame: Frame): Sent {
    return this.settings.transmit(frame);
  }

  /** A segment that belongs to no connection is answered with a reset, unless it is one (RFC 9293, 3.5.2). */
  refuse(segment: Segment): DropReason {
    if (segment.has(flag.rst)) return 'unreachable';
    const known = segment.has(flag.ack);
    const header = {
      localPort: segment.destinationPort,
      remotePort: segment.sourcePort,
      sequence: known ? segment.acknowledgement : 0,
      acknowledgement: known ? 0 : plus(segment.sequence, segment.span),
      flags: flag.rst | (known ? 0 : flag.ack),
      window: 0,
    };
    const { source } = segment.packet;
    const mac = segment.packet.sourceMac.slice();
    this.settings.later(() => {
      writeHeader(this.out.bytes, transportStart, header);
      return this.out.start(mac, source, protocols.tcp, headerBytes, 0, checksumAt);
    });
    return 'unreachable';
  }

  wake(connection: TcpConnection): void {
    this.awake.add(connection);
    this.settings.run();
  }

  wakeSoon(connection: TcpConnection): void {
    this.awake.add(connection);
    this.settings.runSoon();
  }

  blocked(connection: TcpConnection): void {
    this.full.add(connection);
  }

  waits(connection: TcpConnection): void {
    if (this.late.has(connection)) return;
    this.late.add(connection);
    this.counts.open--;
    const [oldest] = this.late;
    if (this.late.size > mostLate) oldest.close();
  }

  closed(connection: TcpConnection): void {
    const { localPort, remote } = connection;
    const ofPort = this.connections.get(localPort);
    const at = key(remote.address, remote.port);
    if (ofPort?.get(at) !== connection) return;
    ofPort.delete(at);
    if (ofPort.size === 0) this.connections.delete(localPort);
    if (!this.late.delete(connection)) this.counts.open--;
    this.counts.retransmissions += connection.retransmissions;
    if (connection.failure) this.counts.failed[connection.failure] = (this.counts.failed[connection.failure] ?? 0) + 1;
  }

  private all(): TcpConnection[] {
    return [...this.connections.values()].flatMap((ofPort) => [...ofPort.values()]);
  }

  private add(connection: TcpConnection): void {
    const { localPort, remote } = connection;
    const ofPort = this.connections.get(localPort) ?? new Map<number, TcpConnection>();
    this.connections.set(localPort, ofPort);
    ofPort.set(key(remote.address, remote.port), connection);
    this.counts.open++;
  }

  private opened(packet: Packet, segment: Segment): DropReason | undefined {
    const accept = this.listeners.get(segment.destinationPort);
    if (!accept) return this.refuse(segment);
    if (this.counts.open >= this.settings.connections) return 'backlogFull';
    const remote = { address: packet.source, port: segment.sourcePort };
    const connection = new TcpConnection(this, remote, segment.destinationPort, segment);
    this.add(connection);
    this.counts.accepted++;
    accept(connection);
    this.awake.add(connection);
    return undefined;
  }

  private freePort(remote: number): number | undefined {
    for (let tries = lastEphemeral - firstEphemeral; tries >= 0; tries--) {
      const port = this.nextPort;
      this.nextPort = port === lastEphemeral ? firstEphemeral : port + 1;
      if (!this.connections.get(port)?.has(remote) && !this.listeners.has(port)) return port;
    }
    return undefined;
  }
}

function isOpening(segment: Segment): boolean {
  return segment.has(flag.syn) && !segment.has(flag.ack | flag.rst);
}

function key(address: number, port: number): number {
  return address * 0x10000 + port;
}

/** Connections that wait for late packets. */
const mostLate = 1024;
