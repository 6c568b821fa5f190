import { parseDeb822 } from './deb822.js';

/** One entry of apt's sources: where packages come from (sources.list(5)). */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The keyring that signs it, when the entry names one. */
  readonly signedBy?: string;
}

const words = (value: string | undefined): string[] => value?.split(/\s+/).filter(Boolean) ?? [];

/** Reads a one-line-style file: `deb [option=value …] URI SUITE COMPONENT…`, a comment after #. Only binary packages count. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line): AptSource[] => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?([^#]*)/.exec(line);
    if (!match) return [];
    const [uri, suite, ...components] = words(match[2]);
    if (uri === undefined || suite === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(match[1] ?? '')?.[1];
    return [{ uris: [uri], suites: [suite], components, ...(signedBy && { signedBy }) }];
  });
}

/** Reads a deb822-style file (*.sources). Entries that are switched off, or only for source packages, do not count. */
export function parseDeb822Sources(text: string): AptSource[] {
  return parseDeb822(text)
    .filter((stanza) => words(stanza.get('types')).includes('deb') && stanza.get('enabled')?.toLowerCase() !== 'no')
    .map((stanza) => {
      const signedBy = stanza.get('signed-by');
      return {
        uris: words(stanza.get('uris')),
        suites: words(stanza.get('suites')),
        components: words(stanza.get('components')),
        ...(signedBy && { signedBy }),
      };
    });
}

const debianSuite =
  /^(?:(?:old)*stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)(?:-updates|-backports|-proposed-updates)?$/;

/**
 * Whether an entry is Debian's own archive: its suites are Debian's, it has the component main, and it is signed by
 * Debian's keyring (or, where nothing is said about keys, "debian" stands in its address). Security updates live in
 * an archive of their own, which has no whole suite, so they do not count; nor do other vendors' repositories.
 */
export function isDebianArchive({ uris, suites, components, signedBy }: AptSource): boolean {
  const trusted =
    signedBy === undefined ? uris.some((uri) => /debian/i.test(uri)) : signedBy.includes('debian-archive');
  return trusted && components.includes('main') && suites.some((suite) => debianSuite.test(suite)) && uris.length > 0;
}

/** The address of the first Debian archive among the entries, if there is one. */
export function debianArchive(sources: readonly AptSource[]): string | undefined {
  return sources.find(isDebianArchive)?.uris[0];
}
