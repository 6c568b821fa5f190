import { parseDeb822 } from './deb822.js';

/** What a Debian archive says about one package, as far as the builder cares. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly section: string;
  /** Size of the package file, in bytes. */
  readonly size: number;
  /** The package file's SHA-256, in hexadecimal. */
  readonly sha256: string;
  /** Names of the packages it needs; of alternatives, all. */
  readonly depends: readonly string[];
}

/** Reads records as apt-cache show prints them. */
export function parsePackageRecords(text: string): PackageRecord[] {
  return parseDeb822(text).map((stanza) => ({
    name: stanza.get('package') ?? '',
    version: stanza.get('version') ?? '',
    section: (stanza.get('section') ?? '').replace(/^.*\//, ''),
    size: Number(stanza.get('size') ?? 0),
    sha256: stanza.get('sha256') ?? '',
    depends: [stanza.get('pre-depends'), stanza.get('depends')]
      .flatMap((relations) => relations?.split(/[,|]/) ?? [])
      .map((relation) => relation.trim().replace(/[\s(:].*$/s, ''))
      .filter(Boolean),
  }));
}

/**
 * Of a dependency closure, the packages that programs' shared libraries can come from: those asked for, and what they
 * depend on through packages of Debian's section "libs". The rest (set-up scripts, interpreters for them, accounts) is
 * for installing on a running system, which never happens here.
 */
export function libraryClosure(asked: readonly string[], closure: readonly PackageRecord[]): PackageRecord[] {
  const byName = new Map(closure.map((record) => [record.name, record]));
  const kept = new Set<PackageRecord>();
  const visit = (record: PackageRecord | undefined): void => {
    if (!record || kept.has(record)) return;
    kept.add(record);
    for (const name of record.depends) {
      const dependency = byName.get(name);
      if (dependency?.section === 'libs') visit(dependency);
    }
  };
  for (const name of asked) visit(byName.get(name));
  return [...kept].sort((a, b) => (a.name < b.name ? -1 : 1));
}
