import type { Clock } from '../../virtio/clock.js';
import { PortError, portNumber } from '../portError.js';
import { parseAddress, stationMac, type Subnet } from './address.js';
import { isHostName } from './dns/names.js';

/** A station that the gateway knows from the start. */
export interface GatewayHost {
  /** Its IPv4 address, which no other station is given. */
  readonly address: string;
  /** Its Ethernet address: if it asks by DHCP, it is given this address. */
  readonly mac?: string;
  /** What it is called, without a domain; the first is what its address is called. */
  readonly names?: readonly string[];
}

export interface GatewayOptions {
  clock: Clock;
  /** Its own IPv4 address, and how much of it is the network's: 10.0.0.254/24. */
  address: string;
  /** Its Ethernet address; default 52:55 and the four bytes of its IPv4 address. */
  mac?: string;
  /** For people; default gateway. */
  name?: string;
  /** The largest packet, in bytes, from 576 to 65,535; default 1500. */
  mtu?: number;
  /** What all names end in; default internal. */
  domain?: string;
  hosts?: readonly GatewayHost[];
  /** How long an address is given for, in seconds, at least 60; default 3600. */
  leaseSeconds?: number;
  /** How many addresses may be given, from 0 to 65,536; default 256. */
  leases?: number;
  /** How many TCP connections there may be at a time, from 1 to 65,536; default 256. */
  connections?: number;
  /** Of each of a connection's two buffers, in bytes, from 4096 to 16,777,216; default 262,144. */
  bufferBytes?: number;
  /** Numbers from 0 to below 1, for sequence numbers; default those of the system. */
  random?: () => number;
}

const ranges = {
  mtu: { least: 576, most: 65_535, usual: 1500 },
  leaseSeconds: { least: 60, most: 0xffffffff, usual: 3600 },
  leases: { least: 0, most: 65_536, usual: 256 },
  connections: { least: 1, most: 65_536, usual: 256 },
  bufferBytes: { least: 4096, most: 1 << 24, usual: 1 << 18 },
} as const;

export type Numbers = Record<keyof typeof ranges, number>;

/** The options that are numbers. @throws PortError for one out of its range */
export function numbersOf(options: GatewayOptions): Numbers {
  const entries = Object.entries(ranges).map(([name, range]) => [
    name,
    portNumber(name, options[name as keyof Numbers] ?? range.usual, range),
  ]);
  return Object.fromEntries(entries) as Numbers;
}

/** The addresses of the stations that are known. @throws PortError where one makes no sense or is there twice */
export function hostsOf(
  { hosts = [] }: GatewayOptions,
  subnet: Subnet,
): { address: number; mac: string | undefined; names: readonly string[] }[] {
  const seen = new Set([subnet.address]);
  return hosts.map(({ address: text, mac, names = [] }) => {
    const address = parseAddress(text);
    if (address === undefined || !subnet.hasHost(address)) {
      throw new PortError(`'${text}' is no address of a host in the gateway's network.`);
    }
    if (seen.has(address)) throw new PortError(`${text} belongs to two stations; give each an address of its own.`);
    seen.add(address);
    if (mac !== undefined) stationMac(mac);
    const wrong = names.find((name) => !isHostName(name));
    if (wrong !== undefined) throw new PortError(`'${wrong}' is no name of letters, digits and hyphens.`);
    return { address, mac: mac?.toLowerCase(), names };
  });
}

/** @throws PortError where it is none */
export function domainOf({ domain = 'internal' }: GatewayOptions): string {
  if (domain.length <= 180 && domain.split('.').every(isHostName)) return domain.toLowerCase();
  throw new PortError(`'${domain}' is no domain, such as internal.`);
}
