/** What a terminal sends for keys that are no characters. */
const named: Record<string, string | undefined> = {
  Enter: '\r',
  Backspace: '\x7f',
  Tab: '\t',
  Escape: '\x1b',
  Delete: '\x1b[3~',
  Home: '\x1b[H',
  End: '\x1b[F',
  ArrowUp: '\x1b[A',
  ArrowDown: '\x1b[B',
  ArrowRight: '\x1b[C',
  ArrowLeft: '\x1b[D',
};

export type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'shiftKey'>;

/** What a terminal sends for a key; undefined for keys that are the browser's. Shift and Tab leaves the console. */
export function keyText({ key, ctrlKey, altKey, metaKey, shiftKey }: Key): string | undefined {
  if (altKey || metaKey || (key === 'Tab' && shiftKey)) return undefined;
  if (ctrlKey)
    return /^[a-z@[\\\]^_]$/i.test(key) ? String.fromCharCode(key.toUpperCase().charCodeAt(0) & 0x1f) : undefined;
  return named[key] ?? (/^.$/u.test(key) ? key : undefined);
}
