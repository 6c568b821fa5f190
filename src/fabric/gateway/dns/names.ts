import type { Clock } from '../../../virtio/clock.js';

/** What a station calls itself, until a time in milliseconds of the clock. */
interface OwnName {
  readonly name: string;
  readonly until: number;
}

/** Names of stations and their addresses. Those that were given at the start stay; a station can't take another's. */
export class Names {
  private readonly domain: string;
  private readonly clock: Clock;
  private readonly addresses = new Map<string, number>();
  /** The first of the names that an address was given for good. */
  private readonly fixed = new Map<number, string>();
  /** What stations call themselves: one name an address. Those whose time is over are forgotten when they are come across. */
  private readonly own = new Map<number, OwnName>();

  /** @param domain that all of them are in; it may be left out in questions */
  constructor(domain: string, clock: Clock) {
    this.domain = domain;
    this.clock = clock;
  }

  /** Gives an address its names for good; the first is what the address is called. */
  fix(address: number, names: readonly string[]): void {
    for (const name of names) this.addresses.set(name.toLowerCase(), address);
    if (names.length > 0) this.fixed.set(address, names[0].toLowerCase());
  }

  /**
   * A station calls itself so from now on, and no longer as it did before. A name that is none, or is somebody else's, is not
   * taken.
   * @param until in milliseconds of the clock
   */
  set(address: number, text: string | undefined, until: number): void {
    this.forget(address, Infinity);
    const name = text?.toLowerCase();
    if (name === undefined || !isHostName(name) || this.holder(name) !== undefined) return;
    this.addresses.set(name, address);
    this.own.set(address, { name, until });
  }

  /** The address of a name, with its domain or without. */
  addressOf(name: string): number | undefined {
    const text = name.toLowerCase();
    const suffix = `.${this.domain}`;
    return this.holder(text.endsWith(suffix) ? text.slice(0, -suffix.length) : text);
  }

  /** The whole name of an address. */
  nameOf(address: number): string | undefined {
    this.forget(address, this.clock.now());
    const name = this.fixed.get(address) ?? this.own.get(address)?.name;
    return name && `${name}.${this.domain}`;
  }

  /** Whose a name without its domain is now. */
  private holder(name: string): number | undefined {
    const address = this.addresses.get(name);
    if (address !== undefined) this.forget(address, this.clock.now());
    return this.addresses.get(name);
  }

  /** Forgets what a station calls itself, if its time is over by then. */
  private forget(address: number, by: number): void {
    const own = this.own.get(address);
    if (own === undefined || own.until > by) return;
    this.own.delete(address);
    this.addresses.delete(own.name);
  }
}

/** A label of letters, digits and hyphens (RFC 1123, 2.1). */
export function isHostName(text: string): boolean {
  return /^(?!-)[a-z\d-]{1,63}(?<!-)$/i.test(text);
}
