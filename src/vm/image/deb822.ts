/** One paragraph of a Debian control file: field names in lower case. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * Reads paragraphs of "Field: value" lines (deb822(5)): package records and apt's *.sources files.
 * Lines that start with a blank go on with the field above; lines that start with # are left out.
 */
export function parseDeb822(text: string): Stanza[] {
  return text
    .replace(/\r/g, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n[ \t]*\n/)
    .map(parseStanza)
    .filter((stanza) => stanza.size > 0);
}

function parseStanza(paragraph: string): Stanza {
  const stanza = new Map<string, string>();
  let field = '';
  for (const line of paragraph.split('\n')) {
    const start = /^([^\s:]+):(.*)$/.exec(line);
    if (start?.[1] !== undefined) {
      field = start[1].toLowerCase();
      stanza.set(field, (start[2] ?? '').trim());
    } else if (field && /^\s/.test(line)) {
      stanza.set(field, `${stanza.get(field) ?? ''}\n${line.trim()}`.trimStart());
    }
  }
  return stanza;
}
