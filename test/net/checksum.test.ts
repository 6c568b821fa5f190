import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addChecksummed, checksumOf, fold, sumBytes } from '../../src/net/link/checksum.js';
import { Frame } from '../../src/net/link/frame.js';
import { buildPacket, packetFrame, plainSum } from '../support/packets.js';
import { receiveIp, receiveTransport } from '../support/naiveStack.js';

/** Sums that differ by 0xffff are the same in ones' complement; a sum of bytes that are not all zero is not 0. */
function same(sum: number): number {
  return sum === 0xffff ? 0 : sum;
}

describe('the internet checksum', () => {
  it('is that of the example in RFC 1071', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sumBytes(bytes, 0, 8)).toBe(0xddf2);
    expect(checksumOf(0xddf2)).toBe(0x220d);
  });

  it('is never zero, which would say in UDP that there is none', () => {
    expect(checksumOf(0xffff)).toBe(0xffff);
  });

  it('adds up any range of any view, long or short, at odd and even places', () => {
    const buffer = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 131 + (i >>> 7)) & 255).buffer;
    const place = fc.record({ view: fc.nat(9), start: fc.nat(40), length: fc.oneof(fc.nat(200), fc.nat(69_900)) });
    fc.assert(
      fc.property(place, ({ view, start, length }) => {
        const bytes = new Uint8Array(buffer, view);
        expect(same(sumBytes(bytes, start, length))).toBe(same(plainSum(bytes.subarray(start, start + length))));
      }),
    );
  });

  it('does not overflow where all bytes are ones', () => {
    const bytes = new Uint8Array(1 << 20).fill(0xff);
    expect(sumBytes(bytes, 0, bytes.length)).toBe(0xffff);
    expect(sumBytes(bytes, 1, bytes.length - 2)).toBe(0xffff);
    expect(fold(0xffff * 40_000)).toBe(0xffff);
  });

  it('adds up any part of a frame, however its ranges are cut', () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 13 + (i >>> 8)) & 255);
    const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(sizes, fc.nat(900), fc.nat(2000), (chosen, from, length) => {
        const frame = new Frame().start(0);
        chosen.forEach((size, i) => frame.add(bytes, (i * 701) % 3000, size));
        fc.pre(from + length <= frame.length);
        expect(same(frame.sum(from, length))).toBe(same(plainSum(frame.toBytes().subarray(from, from + length))));
      }),
    );
  });

  it('is filled in at its place, in a frame whose other bytes stay where they are', () => {
    const built = buildPacket({ version: 4, transport: 'tcp', payload: Uint8Array.from({ length: 701 }, (_, i) => i) });
    const target = new Frame().start(0);
    expect(addChecksummed(packetFrame(built, {}, 37), target, new Uint8Array(2))).toBe(true);
    const bytes = target.toBytes();
    expect(receiveTransport(receiveIp(bytes)).payload).toEqual([...built.bytes.subarray(built.payloadStart)]);
    const field = built.checksumStart + built.checksumOffset;
    bytes.set(built.bytes.subarray(field, field + 2), field);
    expect(bytes).toEqual(built.bytes);
  });

  it('is refused where its field lies outside the frame', () => {
    const built = buildPacket({ version: 4, transport: 'udp', payload: new Uint8Array(4) });
    const beyond = packetFrame({ ...built, checksumOffset: built.bytes.length - built.checksumStart - 1 });
    expect(addChecksummed(beyond, new Frame().start(0), new Uint8Array(2))).toBe(false);
  });
});
