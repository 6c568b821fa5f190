/** Names of stations and their addresses. Those that were given at the start stay; a station can't take another's. */
export class Names {
  private readonly domain: string;
  private readonly addresses = new Map<string, number>();
  /** The first of the names that an address was given for good. */
  private readonly fixed = new Map<number, string>();
  /** What stations call themselves: one name an address. */
  private readonly own = new Map<number, string>();

  /** @param domain that all of them are in; it may be left out in questions */
  constructor(domain: string) {
    this.domain = domain;
  }

  /** Gives an address its names for good; the first is what the address is called. */
  fix(address: number, names: readonly string[]): void {
    for (const name of names) this.addresses.set(name.toLowerCase(), address);
    if (names.length > 0) this.fixed.set(address, names[0].toLowerCase());
  }

  /**
   * A station calls itself so from now on, and no longer as it did before. A name that is none, or is somebody else's, is not
   * taken.
   */
  set(address: number, text: string | undefined): void {
    this.forget(address);
    const name = text?.toLowerCase();
    if (name === undefined || !isHostName(name) || this.addresses.has(name)) return;
    this.addresses.set(name, address);
    this.own.set(address, name);
  }

  /** The address of a name, with its domain or without. */
  addressOf(name: string): number | undefined {
    const text = name.toLowerCase();
    const suffix = `.${this.domain}`;
    return this.addresses.get(text.endsWith(suffix) ? text.slice(0, -suffix.length) : text);
  }

  /** The whole name of an address. */
  nameOf(address: number): string | undefined {
    const name = this.fixed.get(address) ?? this.own.get(address);
    return name && `${name}.${this.domain}`;
  }

  /** Forgets what a station calls itself. */
  private forget(address: number): void {
    const name = this.own.get(address);
    if (name === undefined) return;
    this.own.delete(address);
    this.addresses.delete(name);
  }
}

/** A label of letters, digits and hyphens (RFC 1123, 2.1). */
export function isHostName(text: string): boolean {
  return /^(?!-)[a-z\d-]{1,63}(?<!-)$/i.test(text);
}
