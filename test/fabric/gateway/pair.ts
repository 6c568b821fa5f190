import { ConditionedLink, connect, Gateway, Switch, type LinkConditions } from '../../../src/fabric/index.js';
import type { GatewayOptions } from '../../../src/fabric/index.js';
import type { TcpConnection } from '../../../src/fabric/index.js';
import { randomNumbers } from '../../../src/virtio/random.js';
import { ManualClock } from '../../../src/virtio/clock.js';

/** Two gateways on a switch, the second of which plays a station; its link may have conditions. */
export function pair(conditions: LinkConditions = {}, options: Partial<GatewayOptions> = {}) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock });
  const random = randomNumbers(conditions.seed ?? 1);
  const near = new Gateway({ clock, address: '10.0.0.254/24', random, ...options });
  const far = new Gateway({ clock, address: '10.0.0.1/24', random, ...options });
  connect(near, fabric.addPort('near'));
  const link = new ConditionedLink(fabric.addPort('far'), conditions, { clock });
  connect(far, link.port);
  return { clock, fabric, near, far, link };
}

/** Sends bytes, takes what comes, and ends its stream when all is sent. */
export class Endpoint {
  received: Uint8Array[] = [];
  ended = false;
  over = false;
  failure: string | undefined;
  /** Bytes that are read at a time; 0 holds up the other end. */
  appetite = Infinity;
  readonly connection: TcpConnection;
  private rest: Uint8Array;

  constructor(connection: TcpConnection, toSend: Uint8Array) {
    this.connection = connection;
    this.rest = toSend;
    connection.handler = {
      connected: () => this.push(),
      writable: () => this.push(),
      readable: () => this.pull(),
      closed: (failure) => {
        this.over = true;
        this.failure = failure;
      },
    };
  }

  pull(): void {
    for (let bytes; this.appetite > 0 && (bytes = this.connection.read(this.appetite));) this.received.push(bytes);
    this.ended = this.connection.ended;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.received);
  }

  private push(): void {
    const taken = this.connection.write(this.rest);
    this.rest = this.rest.subarray(taken);
    if (this.rest.length === 0) this.connection.end();
  }
}

export function pattern(length: number, seed = 1): Uint8Array {
  const next = randomNumbers(seed);
  return Uint8Array.from({ length }, () => Math.floor(next() * 256));
}
