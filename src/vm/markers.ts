import { Buffer } from 'buffer/index.js';

/*
 * Markers are what the shell prints for us between what its commands print: a record separator, a token of 16
 * hexadecimal digits made anew for each, a value, and a record separator again. The line that makes the shell print
 * one has the separator as an octal escape, so that its echo is not a marker; and no command knows the token.
 */

const separator = 0x1e;

/** A marker as printf's format, to stand in single quotes; `value` may hold a conversion such as %d. */
export function markerFormat(token: string, value = ''): string {
  return `\\036${token}:${value}\\036`;
}

/** A token that nobody can guess. */
export function newToken(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex');
}

/** Bytes that arrive piece by piece, looked through for markers. */
export class MarkedBytes {
  private bytes = Buffer.alloc(1 << 12);
  private length = 0;
  private readonly searched = new Map<string, number>();

  append(chunk: Uint8Array): void {
    if (this.length + chunk.length > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(this.bytes.length * 2, this.length + chunk.length));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(chunk, this.length);
    this.length += chunk.length;
  }

  /** The marker with this token, and where it begins and ends; undefined while it is not there or not whole. */
  find(token: string): Marker | undefined {
    const received = this.bytes.slice(0, this.length);
    const head = Buffer.from(`\x1e${token}:`);
    const start = received.indexOf(head, this.searched.get(token) ?? 0);
    const end = start < 0 ? -1 : received.indexOf(separator, start + head.length);
    // Long output comes in many pieces; what was looked through once need not be again.
    this.searched.set(token, start < 0 ? Math.max(0, this.length - head.length) : start);
    if (end < 0) return undefined;
    return { value: received.slice(start + head.length, end).toString('latin1'), start, end: end + 1 };
  }

  /** A copy of the bytes from `start` up to `end`. */
  slice(start: number, end: number): Buffer {
    return Buffer.from(this.bytes.subarray(start, end));
  }
}

export interface Marker {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A marker in decoded text, and the beginning of one at the text's end. */
const wholeMarker = /\x1e[0-9a-f]{16}:\d*\x1e/g;
const partialMarker = /\x1e(?:[0-9a-f]{0,16}|[0-9a-f]{16}:\d{0,3})$/;

/** Takes the markers out of text that arrives piece by piece. */
export class MarkerFilter {
  private held = '';

  /** The text that can be shown now; the beginning of a marker is held back until it is whole or turns out not to be one. */
  pass(text: string): string {
    const all = (this.held + text).replace(wholeMarker, '');
    this.held = partialMarker.exec(all)?.[0] ?? '';
    return this.held === '' ? all : all.slice(0, -this.held.length);
  }
}
