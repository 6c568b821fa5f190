/** Names of stations and their addresses. Those that were given at the start stay; a station can't take another's. */
export class Names {
  private readonly domain: string;
  private readonly addresses = new Map<string, number>();
  /** The first name of each address. */
  private readonly names = new Map<number, string>();
  private readonly fixed = new Set<string>();

  /** @param domain that all of them are in; it may be left out in questions */
  constructor(domain: string) {
    this.domain = domain;
  }

  /** Gives an address its names for good; the first is what the address is called. */
  fix(address: number, names: readonly string[]): void {
    for (const name of names) {
      this.fixed.add(name.toLowerCase());
      this.addresses.set(name.toLowerCase(), address);
    }
    if (names.length > 0) this.names.set(address, names[0].toLowerCase());
  }

  /** A station calls itself so, or does not any more. A name that is none, or is somebody else's, is not taken. */
  set(address: number, text: string | undefined): void {
    const before = this.names.get(address);
    if (before !== undefined && !this.fixed.has(before)) {
      this.names.delete(address);
      this.addresses.delete(before);
    }
    const name = text?.toLowerCase();
    if (name === undefined || !isHostName(name) || this.addresses.has(name)) return;
    this.addresses.set(name, address);
    if (!this.names.has(address)) this.names.set(address, name);
  }

  /** The address of a name, with its domain or without. */
  addressOf(name: string): number | undefined {
    const text = name.toLowerCase();
    const suffix = `.${this.domain}`;
    return this.addresses.get(text.endsWith(suffix) ? text.slice(0, -suffix.length) : text);
  }

  /** The whole name of an address. */
  nameOf(address: number): string | undefined {
    const name = this.names.get(address);
    return name && `${name}.${this.domain}`;
  }
}

/** A label of letters, digits and hyphens (RFC 1123, 2.1). */
export function isHostName(text: string): boolean {
  return /^(?!-)[a-z\d-]{1,63}(?<!-)$/i.test(text);
}
