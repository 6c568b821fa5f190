import { Buffer } from 'buffer/index.js';

/** How a shell gets a command as text: what stands between the quotes of an assignment, and how to read it back. */
export interface ShellText {
  /** Each to stand between single quotes; one after the other they are the text. */
  readonly pieces: readonly string[];
  /** Whether the text is the argument of a printf's %b, and not the command itself. */
  readonly escaped: boolean;
}

/** Bytes that mean nothing to a terminal, a line editor and a shell in single quotes. */
const isPrintable = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;
const quote = 0x27;
const backslash = 0x5c;

/** A byte between single quotes. */
const quoted = (byte: number): string => (byte === quote ? `'\\''` : String.fromCharCode(byte));

/** A byte between single quotes as part of the argument of a POSIX printf's %b. */
function escaped(byte: number): string {
  if (isPrintable(byte) && byte !== quote && byte !== backslash) return String.fromCharCode(byte);
  return `\\0${byte.toString(8).padStart(3, '0')}`;
}

/** Any bytes as the argument of a printf's %b, to stand between single quotes. */
export function printfArgument(bytes: Uint8Array): string {
  return Array.from(bytes, escaped).join('');
}

/**
 * A command in pieces of printable ASCII and newlines of up to `longest` characters. Other characters are escaped.
 * @throws TypeError when it holds a NUL, which no shell can take
 */
export function shellText(command: string, longest: number): ShellText {
  if (command.includes('\0')) throw new TypeError('A command holds no NUL character.');
  const bytes = Buffer.from(command, 'utf8');
  const plain = bytes.every((byte) => isPrintable(byte) || byte === 0x0a);
  const encode = plain ? quoted : escaped;
  const pieces: string[] = [];
  let piece = '';
  for (const byte of bytes) {
    const next = encode(byte);
    if (piece.length + next.length > longest) {
      pieces.push(piece);
      piece = '';
    }
    piece += next;
  }
  return { pieces: [...pieces, piece], escaped: !plain };
}
