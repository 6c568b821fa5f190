import { createSocket, type Socket } from 'node:dgram';
import { isIP, SocketAddress } from 'node:net';
import { obstacle } from './obstacle.node.js';
import { PortError, portNumber } from './portError.js';
import {
  vxlanBytes,
  VxlanPort,
  vxlanPort,
  type DatagramReceiver,
  type Datagrams,
  type Endpoint,
  type VxlanOptions,
} from './vxlan.js';

export interface OpenVxlanOptions extends Omit<VxlanOptions, 'peers' | 'mtu'> {
  /** The address to receive on and to send from; default all of this machine's of the peers' family. */
  local?: string;
  /** The UDP port to receive on, and of ends that are learnt; default 4789. */
  port?: number;
  /** Addresses of the other ends, all IPv4 or all IPv6, each with :port where it has another: 10.1.0.2, [fd00::2]:4790. */
  peers: readonly string[];
  /** As of `VxlanOptions`; default what fits into 1500 bytes: 1450, or 1430 where the outer packets are IPv6. */
  mtu?: number;
  /** Datagrams that may be on their way to the system at once, from 1 to 65,536; default 256. */
  queue?: number;
}

/**
 * Opens a port of a VXLAN network over UDP sockets of its own. One port receives for one network: another network needs
 * another local address or UDP port. What the system's socket has no room for, it drops before anybody here can count it.
 * @throws PortError where an option makes no sense, or the sockets can't be opened with the address and the port
 */
export async function openVxlan(options: OpenVxlanOptions): Promise<VxlanPort> {
  const { local, port = vxlanPort, queue = 256, ...rest } = options;
  checkPort(port);
  portNumber('queue', queue, { least: 1, most: 65_536 });
  const here = local === undefined ? undefined : endpoint(local, port);
  const peers = options.peers.map((text) => endpoint(text, port));
  const family = familyOf([...(here ? [here] : []), ...peers]);
  const { mtu = family === 6 ? 1430 : 1450 } = options;
  // It looks at the options, too, before a socket is opened.
  const datagrams = new UdpDatagrams(vxlanBytes(mtu), queue, family);
  const vxlan = new VxlanPort(datagrams, { ...rest, port, peers, mtu });
  try {
    await datagrams.open(here?.address, port);
  } catch (error) {
    await vxlan.close();
    throw new PortError(obstacle(error, `UDP port ${port}${local === undefined ? '' : ` of ${local}`}`, local));
  }
  return vxlan;
}

/** Reads an address, with a port or without. @throws PortError when it is none */
function endpoint(text: string, defaultPort: number): Endpoint {
  const [, inBrackets, plain, port] = /^(?:\[(.+)\]|([\d.]+))(?::(\d+))?$/.exec(text) ?? [];
  const address = inBrackets ?? plain ?? text;
  const version = isIP(address);
  if (version === 0 || address.includes('%')) {
    throw new PortError(`'${text}' is no IP address, such as 10.1.0.2, 10.1.0.2:4789 or [fd00::2]:4789.`);
  }
  if (port !== undefined) checkPort(Number(port));
  const { address: canonical } = new SocketAddress({ address, family: version === 6 ? 'ipv6' : 'ipv4' });
  if (isGroup(canonical)) throw new PortError(`'${text}' is no address of one machine; name each peer by its own.`);
  return { address: canonical, port: port === undefined ? defaultPort : Number(port) };
}

/** Multicast and broadcast. */
function isGroup(address: string): boolean {
  return address.startsWith('ff') || Number(address.split('.')[0]) >= 224;
}

function checkPort(port: number): void {
  portNumber('port', port, { least: 1, most: 65_535 });
}

/** The family that all addresses have. @throws PortError where they differ or one is there twice */
function familyOf(endpoints: readonly Endpoint[]): 4 | 6 {
  const families = new Set(endpoints.map(({ address }) => isIP(address)));
  if (families.size > 1) throw new PortError('Peers and the local address must be all IPv4 or all IPv6.');
  const twice = endpoints.find(({ address }, i) => endpoints.findIndex((other) => other.address === address) < i);
  if (twice) throw new PortError(`${twice.address} is there twice; each end has an address of its own.`);
  return families.has(6) ? 6 : 4;
}

/** Sockets to send from: so many different source ports spread the flows. */
const sourcePorts = 16;
/** Where source ports are (RFC 7348, 5, recommends the range of RFC 6335). */
const firstSourcePort = 49_152;
const lastSourcePort = 65_535;
/** How often another source port is tried where one is in use. */
const attempts = 64;
/** Bytes that the system may hold for us; it gives as many as it allows. */
const receiveBuffer = 1 << 22;

/** A buffer for one datagram. */
interface Slot {
  readonly bytes: Uint8Array;
  /** Sends that read it. */
  pending: number;
  readonly sent: (error: Error | null) => void;
}

/** Datagrams on Node's sockets: one receives, several send. */
class UdpDatagrams implements Datagrams {
  receiver: DatagramReceiver | undefined;
  readonly maxBytes: number;
  private readonly family: 4 | 6;
  private readonly free: Slot[];
  private current: Slot | undefined;
  /** Somebody was told that there is no buffer. */
  private wanted = false;
  private burst = false;
  private readonly sources: Socket[] = [];
  private sockets: Socket[] = [];

  constructor(maxBytes: number, queue: number, family: 4 | 6) {
    this.maxBytes = maxBytes;
    this.family = family;
    this.free = Array.from({ length: queue }, () => this.newSlot());
  }

  async open(local: string | undefined, port: number): Promise<void> {
    const socket = await this.bind(local, port);
    try {
      socket.setRecvBufferSize(receiveBuffer);
    } catch {
      // Then it stays with what sockets have.
    }
    socket.on('message', (bytes: Uint8Array, { address }) => this.receive(bytes, address));
    while (this.sources.length < sourcePorts) this.sources.push(await this.bindSource(local));
  }

  buffer(): Uint8Array | undefined {
    this.current ??= this.free.pop();
    this.wanted ||= this.current === undefined;
    return this.current?.bytes;
  }

  send(length: number, to: readonly Endpoint[], flow: number): void {
    const slot = this.current!;
    this.current = undefined;
    slot.pending = to.length;
    const socket = this.sources[flow % sourcePorts];
    for (const { address, port } of to) socket.send(slot.bytes, 0, length, port, address, slot.sent);
  }

  async close(): Promise<void> {
    this.receiver = undefined;
    const { sockets } = this;
    this.sockets = [];
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  }

  private newSlot(): Slot {
    const slot: Slot = {
      bytes: new Uint8Array(this.maxBytes),
      pending: 0,
      sent: (error) => {
        if (error) this.receiver?.failed(codeOf(error));
        if (--slot.pending > 0) return;
        this.free.push(slot);
        if (!this.wanted) return;
        this.wanted = false;
        // With all others that the system took at the same time.
        setImmediate(() => this.receiver?.buffersFree());
      },
    };
    return slot;
  }

  private receive(bytes: Uint8Array, address: string): void {
    this.receiver?.received(bytes, address);
    if (this.burst) return;
    this.burst = true;
    setImmediate(() => {
      this.burst = false;
      this.receiver?.burstEnded();
    });
  }

  private bind(address: string | undefined, port: number): Promise<Socket> {
    const type = this.family === 6 ? 'udp6' : 'udp4';
    // Addresses are never names, so nothing is to be looked up.
    const lookup = (host: string, _: unknown, done: (error: null, address: string, family: number) => void): void =>
      done(null, host, this.family);
    const socket = createSocket({ type, lookup, ipv6Only: this.family === 6 });
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => {
        socket.close();
        reject(error);
      };
      socket.once('error', refused);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', refused).on('error', (error) => this.receiver?.failed(codeOf(error)));
        this.sockets.push(socket);
        resolve(socket);
      });
    });
  }

  private async bindSource(local: string | undefined): Promise<Socket> {
    for (let attempt = 1; ; attempt++) {
      const port = firstSourcePort + Math.floor(Math.random() * (lastSourcePort - firstSourcePort + 1));
      try {
        return await this.bind(local, port);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === attempts) throw error;
      }
    }
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
