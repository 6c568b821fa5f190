/** Sequence numbers are counted modulo 2^32 (RFC 9293, 3.4). */

/** How far `to` lies behind `from`, as a number with a sign: negative where it lies before it. */
export function offset(from: number, to: number): number {
  return (to - from) | 0;
}

export function plus(sequence: number, bytes: number): number {
  return (sequence + bytes) >>> 0;
}

export function isAfter(a: number, b: number): boolean {
  return offset(b, a) > 0;
}
