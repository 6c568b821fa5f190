import type { Clock } from '../../../virtio/clock.js';
import type { Subnet } from '../address.js';

/** An address that somebody has, or was offered, for a time. */
export interface Lease {
  readonly address: number;
  /** Who: what the client calls itself, or its Ethernet address. */
  readonly client: string;
  /** In milliseconds of the clock. */
  expires: number;
  /** The client has taken it. */
  bound: boolean;
}

export interface LeasesOptions {
  readonly clock: Clock;
  readonly subnet: Subnet;
  /** How many there may be at a time. */
  readonly most: number;
  /** Addresses that belong to somebody without a lease, and those that they belong to by Ethernet address. */
  readonly reserved: ReadonlySet<number>;
  readonly fixed: ReadonlyMap<string, number>;
  /** Whether an address seems to be in use by another station than this. */
  readonly taken: (address: number, mac: string) => boolean;
  /** Of how many addresses at most it is so. */
  readonly mostTaken: number;
  /** Somebody has an address until then and calls himself so, or has it no more. */
  readonly named: (address: number, hostName: string | undefined, until: number) => void;
}

/** How long an offer stands, and an address that somebody else turned out to have is not given, in milliseconds. */
const offerMs = 30_000;
const declinedMs = 600_000;

/** Which client has which address (RFC 2131, 4.3.1). Free ones are given from the highest down. */
export class Leases {
  private readonly options: LeasesOptions;
  private readonly byAddress = new Map<number, Lease>();

  constructor(options: LeasesOptions) {
    this.options = options;
  }

  /** Leases that are in force. */
  get count(): number {
    const now = this.options.clock.now();
    return [...this.byAddress.values()].filter(({ bound, expires }) => bound && expires > now).length;
  }

  /** What a client has or was offered. */
  of(client: string): Lease | undefined {
    return [...this.byAddress.values()].find((lease) => lease.client === client);
  }

  /** An address for a client: its own, the one that it wants, or any. Undefined where there is none. */
  offer(client: string, mac: string, wanted?: number): Lease | undefined {
    const known = this.of(client);
    const fixed = this.options.fixed.get(mac);
    if (known && (fixed === undefined || known.address === fixed)) {
      if (!known.bound) known.expires = this.options.clock.now() + offerMs;
      return known;
    }
    const address = fixed ?? (wanted !== undefined && this.isFree(wanted, mac) ? wanted : this.anyFree(mac));
    if (address === undefined || !this.makeRoom()) return undefined;
    if (known) this.forget(known.address);
    // Whoever had it has it no more.
    this.forget(address);
    const lease = { address, client, expires: this.options.clock.now() + offerMs, bound: false };
    this.byAddress.set(address, lease);
    return lease;
  }

  /**
   * The client has taken what it was offered, or keeps what it has, for so long in milliseconds, and calls itself so to
   * people.
   */
  bind(lease: Lease, milliseconds: number, hostName: string | undefined): void {
    lease.bound = true;
    lease.expires = this.options.clock.now() + milliseconds;
    this.options.named(lease.address, hostName, lease.expires);
  }

  /** The client does not want it any more. */
  release(lease: Lease): void {
    if (this.byAddress.get(lease.address) === lease) this.forget(lease.address);
  }

  /** Somebody else has the address. */
  decline(lease: Lease): void {
    const { address } = lease;
    this.forget(address);
    const expires = this.options.clock.now() + declinedMs;
    this.byAddress.set(address, { address, client: '', bound: false, expires });
  }

  private isFree(address: number, mac: string): boolean {
    const { subnet, reserved, taken, clock } = this.options;
    if (!subnet.hasHost(address) || address === subnet.address || reserved.has(address)) return false;
    const lease = this.byAddress.get(address);
    return (lease === undefined || lease.expires <= clock.now()) && !taken(address, mac);
  }

  private anyFree(mac: string): number | undefined {
    const { subnet, most, reserved, mostTaken } = this.options;
    // One more than can be in use is enough to look at: leases, reserved addresses, neighbours, and the gateway itself.
    const inUse = most + reserved.size + mostTaken + 1;
    const last = Math.max(subnet.network + 1, subnet.broadcast - 1 - inUse);
    for (let address = subnet.broadcast - 1; address >= last; address--) if (this.isFree(address, mac)) return address;
    return undefined;
  }

  /** What has ended makes way where there are as many as may be. */
  private makeRoom(): boolean {
    if (this.byAddress.size < this.options.most) return true;
    const now = this.options.clock.now();
    for (const { address, expires } of this.byAddress.values()) if (expires <= now) this.forget(address);
    return this.byAddress.size < this.options.most;
  }

  private forget(address: number): void {
    if (this.byAddress.delete(address)) this.options.named(address, undefined, 0);
  }
}
