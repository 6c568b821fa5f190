import { isGroup, readMac } from '../../net/link/mac.js';
import { PortError } from '../portError.js';

/** IPv4 addresses are numbers of 32 bits without a sign; these are for all on the link, and for nobody. */
export const limitedBroadcast = 0xffffffff;
export const unspecified = 0;

/** Reads 10.0.0.1; undefined where it is none. */
export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Reads 52:54:00:00:00:01. @throws PortError where it is none of one station */
export function stationMac(text: string): Uint8Array {
  const mac = readMac(text);
  if (mac && !isGroup(mac)) return mac;
  throw new PortError(`'${text}' is no Ethernet address of a station, such as 52:54:00:00:00:01.`);
}

/** The network that an address is in. */
export class Subnet {
  /** The address itself, and its network's mask, first and last address. */
  readonly address: number;
  readonly mask: number;
  readonly network: number;
  readonly broadcast: number;

  /** @throws PortError where the text is not like 10.0.0.254/24, with a prefix from 8 to 30 and an address of a host in it */
  constructor(text: string) {
    const [, host = '', prefix = ''] = /^(.*)\/(\d{1,2})$/.exec(text) ?? [];
    const address = parseAddress(host);
    const length = Number(prefix);
    if (address === undefined || length < 8 || length > 30) {
      throw new PortError(`'${text}' is no address with a prefix from 8 to 30, such as 10.0.0.254/24.`);
    }
    this.address = address;
    this.mask = (0xffffffff << (32 - length)) >>> 0;
    this.network = (address & this.mask) >>> 0;
    this.broadcast = (address | ~this.mask) >>> 0;
    if (!this.hasHost(address)) throw new PortError(`${host} is no address of a host in its network.`);
  }

  /** Whether a host of this network may have the address. */
  hasHost(address: number): boolean {
    return address > this.network && address < this.broadcast;
  }

  /** Whether what is sent to the address is for all here. */
  isBroadcast(address: number): boolean {
    return address === limitedBroadcast || address === this.broadcast;
  }
}
