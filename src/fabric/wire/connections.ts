import { connect, type Port } from '../../net/link/port.js';
import { WirePort, type WireCounters, type WireLimits } from './wirePort.js';

/** Where a server's connections are joined: a `Switch` is one. */
export interface Fabric {
  addPort(name: string): Port;
  removePort(port: Port): void;
}

/** What passed a server, as plain data. */
export interface ConnectionCounters {
  /** Connections that were let in, and those of them that ended. */
  accepted: number;
  ended: number;
  /** Connections that were turned away, as there were as many as may be, or for what the kind of server says. */
  refused: number;
  /** The connections that stand, and the last that ended. */
  ports: WireCounters[];
}

/** How many connections that ended are remembered with their counters. */
const remembered = 64;

/** The connections of a server: each has a port of the fabric while it stands. */
export class Connections {
  private readonly fabric: Fabric;
  private readonly most: number;
  private readonly limits: Partial<WireLimits>;
  private readonly open = new Map<WirePort, Port>();
  private gone: WireCounters[] = [];
  private accepted = 0;
  private refused = 0;

  /** @param most how many connections may stand at a time */
  constructor(fabric: Fabric, most: number, limits: Partial<WireLimits> = {}) {
    this.fabric = fabric;
    this.most = most;
    this.limits = limits;
  }

  /** Whether one more may come. */
  get hasRoom(): boolean {
    return this.open.size < this.most;
  }

  /** Counts a connection that was turned away. */
  refuse(): void {
    this.refused++;
  }

  /** A port for a new connection, joined with one of the fabric. */
  add(name: string): WirePort {
    const port = new WirePort(name, this.limits);
    const inner = this.fabric.addPort(name);
    connect(port, inner);
    this.open.set(port, inner);
    this.accepted++;
    return port;
  }

  /** Takes the port of a connection that ended out of the fabric. */
  remove(port: WirePort): void {
    const inner = this.open.get(port);
    if (!inner) return;
    this.open.delete(port);
    port.shut();
    port.attach(undefined);
    this.fabric.removePort(inner);
    this.gone = [...this.gone, port.counters()].slice(-remembered);
  }

  /** A plain copy of the counters. */
  counters(): ConnectionCounters {
    const { accepted, refused } = this;
    const standing = [...this.open.keys()].map((port) => port.counters());
    return { accepted, ended: accepted - standing.length, refused, ports: [...standing, ...this.gone] };
  }
}
