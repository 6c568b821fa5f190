import type { DropReason } from '../../../net/link/counters.js';
import { formatMac } from '../../../net/link/mac.js';
import type { Clock } from '../../../virtio/clock.js';
import { limitedBroadcast, unspecified, type Subnet } from '../address.js';
import type { Datagram } from '../udp.js';
import { Leases, type Lease, type LeasesOptions } from './leases.js';
import { bytes32, kind, option, option32, readRequest, writeReply, type DhcpRequest } from './message.js';

export const serverPort = 67;
export const clientPort = 68;

/** What a server needs of the gateway. */
export interface DhcpPlace extends Omit<LeasesOptions, 'clock' | 'subnet'> {
  readonly clock: Clock;
  readonly subnet: Subnet;
  readonly mtu: number;
  readonly domain: string;
  readonly leaseSeconds: number;
  /** Sends a message to a client's port, at an address and the station that has it. */
  send(mac: Uint8Array, address: number, payload: Uint8Array): void;
}

export interface DhcpCounters {
  /** In force now. */
  leases: number;
  /** Messages that were sent. */
  offers: number;
  acknowledged: number;
  refused: number;
  released: number;
  /** Clients that there was no address for. */
  exhausted: number;
}

/** A server of the dynamic host configuration protocol (RFC 2131) for the stations of its own network. */
export class DhcpServer {
  private readonly place: DhcpPlace;
  private readonly leases: Leases;
  private readonly counts = { offers: 0, acknowledged: 0, refused: 0, released: 0, exhausted: 0 };
  /** What is done with each kind of message; others are of servers. */
  private readonly handlers: Readonly<Record<number, (request: DhcpRequest, client: string) => void>> = {
    [kind.discover]: (request, client) => this.discovered(request, client),
    [kind.request]: (request, client) => this.requested(request, client),
    [kind.decline]: (request, client) => this.declined(request, client),
    [kind.release]: (request, client) => this.released(request, client),
    [kind.inform]: (request) => this.answer(request, kind.ack, undefined),
  };

  constructor(place: DhcpPlace) {
    this.place = place;
    this.leases = new Leases(place);
  }

  counters(): DhcpCounters {
    return { leases: this.leases.count, ...this.counts };
  }

  /** A datagram came to the server's port. */
  received({ payload }: Datagram): DropReason | undefined {
    const request = readRequest(payload);
    if (!request) return 'malformed';
    const handle = this.handlers[request.kind];
    if (!handle) return 'protocol';
    // Who is behind a relay agent is of another network, and can't be reached.
    if (request.relay !== unspecified) return 'otherNetwork';
    handle(request, clientOf(request));
    return undefined;
  }

  private discovered(request: DhcpRequest, client: string): void {
    const lease = this.leases.offer(client, formatMac(request.mac), option32(request.options, option.requestedAddress));
    if (!lease) {
      this.counts.exhausted++;
      return;
    }
    this.counts.offers++;
    this.answer(request, kind.offer, lease);
  }

  /** RFC 2131, 4.3.2: what the client is at is seen by what it says. */
  private requested(request: DhcpRequest, client: string): void {
    const server = option32(request.options, option.serverIdentifier);
    const wanted = option32(request.options, option.requestedAddress) ?? request.clientAddress;
    const known = this.leases.of(client);
    if (server !== undefined && server !== this.place.subnet.address) {
      if (known && !known.bound) this.leases.release(known);
      return;
    }
    const mac = formatMac(request.mac);
    const renewing = server === undefined && request.clientAddress !== unspecified;
    // The leases of a gateway that was started anew are forgotten; who has one keeps it, if nobody else has it.
    const lease = known ?? (renewing ? this.leases.offer(client, mac, wanted) : undefined);
    // Of a client that nobody here knows, another server may know.
    if (!lease && server === undefined && this.place.subnet.hasHost(wanted)) return;
    if (lease?.address === wanted) {
      this.acknowledge(request, lease);
      return;
    }
    if (lease && !known) this.leases.release(lease);
    this.counts.refused++;
    this.answer(request, kind.nak, undefined);
  }

  private acknowledge(request: DhcpRequest, lease: Lease): void {
    this.leases.bind(lease, 1000 * this.place.leaseSeconds, nameOf(request));
    this.counts.acknowledged++;
    this.answer(request, kind.ack, lease);
  }

  private declined(request: DhcpRequest, client: string): void {
    const lease = this.leases.of(client);
    if (lease?.address !== option32(request.options, option.requestedAddress) || !lease) return;
    this.leases.decline(lease);
  }

  private released(request: DhcpRequest, client: string): void {
    const lease = this.leases.of(client);
    if (lease?.address !== request.clientAddress || !lease) return;
    this.leases.release(lease);
    this.counts.released++;
  }

  /** Sends an answer where the client can get it (RFC 2131, 4.1). */
  private answer(request: DhcpRequest, type: number, lease: Lease | undefined): void {
    const payload = writeReply(request, type, lease?.address ?? 0, this.options(type, lease));
    const { clientAddress, mac, broadcast } = request;
    if (type === kind.nak) this.place.send(everybody, limitedBroadcast, payload);
    else if (clientAddress !== unspecified) this.place.send(mac, clientAddress, payload);
    else if (broadcast || !lease) this.place.send(everybody, limitedBroadcast, payload);
    else this.place.send(mac, lease.address, payload);
  }

  private options(type: number, lease: Lease | undefined): [number, Uint8Array][] {
    const { subnet, leaseSeconds, domain, mtu } = this.place;
    const us = bytes32(subnet.address);
    if (type === kind.nak) return [[option.serverIdentifier, us]];
    const times: [number, Uint8Array][] = [
      [option.leaseTime, bytes32(leaseSeconds)],
      [option.renewalTime, bytes32(Math.floor(leaseSeconds / 2))],
      [option.rebindingTime, bytes32(Math.floor((leaseSeconds * 7) / 8))],
    ];
    return [
      [option.serverIdentifier, us],
      ...(lease ? times : []),
      [option.subnetMask, bytes32(subnet.mask)],
      [option.broadcast, bytes32(subnet.broadcast)],
      [option.router, us],
      [option.domainNameServer, us],
      [option.domainName, Uint8Array.from(domain, (letter) => letter.charCodeAt(0))],
      [option.mtu, Uint8Array.of(mtu >>> 8, mtu & 0xff)],
    ];
  }
}

/** Who a client is (RFC 2131, 4.2): by its identifier, or else by its Ethernet address. */
function clientOf({ options, mac }: DhcpRequest): string {
  const identifier = options.get(option.clientIdentifier);
  return identifier && identifier.length > 1 ? `id ${formatMac(identifier)}` : formatMac(mac);
}

function nameOf({ options }: DhcpRequest): string | undefined {
  const name = options.get(option.hostName);
  return name && String.fromCharCode(...name);
}

const everybody = new Uint8Array(6).fill(0xff);
