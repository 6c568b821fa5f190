import type { Frame } from './frame.js';
import { write16 } from './words.js';

/** Adds the carries of a sum of 16-bit words back in, as often as it takes: a ones' complement sum of 16 bits. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/**
 * The checksum field for data with this sum. Zero says in UDP that there is no checksum; its other representation is as
 * good in every protocol that has this checksum.
 */
export function checksumOf(sum: number): number {
  return 0xffff - sum || 0xffff;
}

/**
 * The ones' complement sum (RFC 1071) of bytes, taken as 16-bit words in network byte order, the first byte being the
 * upper half of a word and an odd last byte filled up with zero.
 */
export function sumBytes(bytes: Uint8Array, start: number, length: number): number {
  return length < worthWords ? sumByBytes(bytes, start, start + length) : sumByWords(bytes, start, length);
}

/** Fills in the checksum at `at` of the `length` bytes from `start` on, which it is among (RFC 791, RFC 792). */
export function writeChecksum(bytes: Uint8Array, at: number, start: number, length: number): void {
  write16(bytes, at, 0);
  write16(bytes, at, 0xffff - sumBytes(bytes, start, length));
}

/** Below this many bytes it does not pay to look for the words of the buffer. */
const worthWords = 64;
/** So many 32-bit words have halves whose sum fits in 31 bits. */
const blockWords = 1 << 14;
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** Views of buffers that were seen before, since a view costs as much as the sum of a small frame. */
const wordsOf = new WeakMap<ArrayBufferLike, Int32Array>();

function sumByBytes(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  return fold(sum);
}

function sumByWords(bytes: Uint8Array, start: number, length: number): number {
  const { buffer } = bytes;
  let words = wordsOf.get(buffer);
  if (!words) wordsOf.set(buffer, (words = new Int32Array(buffer, 0, buffer.byteLength >>> 2)));
  // The words of the buffer that lie wholly in the range; what is left over on both sides is summed by bytes.
  const offset = bytes.byteOffset + start;
  const first = (offset + 3) >>> 2;
  const last = (offset + length) >>> 2;
  const before = first * 4 - offset;
  const middle = (last - first) * 4;
  const left = sumByBytes(bytes, start, start + before);
  const right = sumByBytes(bytes, start + before + middle, start + length);
  // A buffer's word begins in the middle of a word of the sum where the range begins at an odd place.
  const turned = (before & 1) === 1;
  return fold(left + swapIf(turned !== littleEndian, sumWords(words, first, last)) + swapIf(turned, right));
}

/** The sum of the 16-bit halves of words, in the machine's byte order: swapping the sum swaps every term of it. */
function sumWords(words: Int32Array, from: number, to: number): number {
  let sum = 0;
  while (from < to) {
    const end = Math.min(to, from + blockWords);
    let low = 0;
    let high = 0;
    for (; from + 3 < end; from += 4) {
      const a = words[from];
      const b = words[from + 1];
      const c = words[from + 2];
      const d = words[from + 3];
      low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
      high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    }
    for (; from < end; from++) {
      low += words[from] & 0xffff;
      high += words[from] >>> 16;
    }
    sum += low + high;
  }
  return fold(sum);
}

export function swapIf(swap: boolean, sum: number): number {
  return swap ? ((sum & 0xff) << 8) | (sum >>> 8) : sum;
}

/**
 * Adds the bytes of `frame` to `target` with the checksum filled in that the frame still needs (virtio 5.1.6.2): its field
 * holds the sum of the pseudo header, so the sum from `checksumStart` on covers that too. `field` holds the two new bytes
 * for as long as `target` is used. False, and nothing added, where the field would lie outside the frame.
 */
export function addChecksummed(frame: Frame, target: Frame, field: Uint8Array): boolean {
  if (frame.needsChecksum) {
    const at = frame.checksumStart + frame.checksumOffset;
    const behind = at + field.length;
    if (behind > frame.length) return false;
    write16(field, 0, checksumOf(frame.sum(frame.checksumStart, frame.length - frame.checksumStart)));
    target
      .addFrom(frame, 0, at)
      .add(field, 0, field.length)
      .addFrom(frame, behind, frame.length - behind);
  } else {
    target.addFrom(frame, 0, frame.length);
  }
  return true;
}
