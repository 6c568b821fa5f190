import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frame, gsoType, headBytes } from '../../src/net/link/frame.js';

const filled = () => Uint8Array.from({ length: 4096 }, (_, i) => i * 13 + (i >>> 8));

/** A frame of these ranges, each from another place of one buffer, which is told of as words, too, where `words` is. */
function frameOf(lengths: number[], bytes = filled(), words = false) {
  const frame = new Frame().start(3);
  const expected: number[] = [];
  lengths.forEach((length, i) => {
    const start = (i * 701) % 3000;
    frame.add(bytes, start, length, words ? new DataView(bytes.buffer) : undefined);
    expected.push(...bytes.subarray(start, start + length));
  });
  return { frame, expected: Uint8Array.from(expected) };
}

const lengths = fc.array(fc.nat(150), { maxLength: 8 });

describe('a frame', () => {
  it('has the bytes of its ranges, one behind the other', () => {
    fc.assert(
      fc.property(lengths, (chosen) => {
        const { frame, expected } = frameOf(chosen);
        expect(frame.length).toBe(expected.length);
        expect(frame.toBytes()).toEqual(expected);
        const { bytes, start, end } = frame.head();
        expect([...bytes.subarray(start, end)]).toEqual([...expected.subarray(0, headBytes)]);
      }),
    );
  });

  it('copies any part of itself, and writes nothing beside it', () => {
    fc.assert(
      fc.property(lengths, fc.nat(1200), fc.nat(1200), fc.nat(50), (chosen, from, length, at) => {
        const { frame, expected } = frameOf(chosen);
        fc.pre(from + length <= expected.length);
        const target = new Uint8Array(1400).fill(0xcc);
        frame.copy(from, length, target, at);
        const wanted = new Uint8Array(1400).fill(0xcc);
        wanted.set(expected.subarray(from, from + length), at);
        expect(Buffer.compare(target, wanted)).toBe(0);
      }),
    );
  });

  it('copies by words, too, and within one memory, wherever it is and goes to', () => {
    const length = 8000;
    fc.assert(
      fc.property(lengths, fc.nat(1200), fc.nat(1200), fc.nat(50), fc.boolean(), (chosen, from, size, at, within) => {
        const memory = new Uint8Array(length).fill(0xcc);
        memory.set(filled());
        const { frame, expected } = frameOf(chosen, memory, true);
        fc.pre(from + size <= expected.length);
        const target = within ? memory : new Uint8Array(length).fill(0xcc);
        const wanted = target.slice();
        wanted.set(expected.subarray(from, from + size), 5000 + at);
        frame.copy(from, size, target, 5000 + at, new DataView(target.buffer));
        expect(Buffer.compare(target, wanted)).toBe(0);
      }),
    );
  });

  it('is empty again when it starts anew, and asks for nothing', () => {
    const { frame } = frameOf([100, 50]);
    Object.assign(frame, {
      tunnel: 4,
      tunnelChecksum: true,
      needsChecksum: true,
      gso: gsoType.tcp4,
      gsoSize: 1448,
      gsoEcn: true,
      headerLength: 54,
    });
    frame.start(1);
    expect(frame).toMatchObject({ length: 0, lane: 1, needsChecksum: false, gso: 0, gsoSize: 0, gsoEcn: false });
    expect(frame).toMatchObject({ tunnel: 0, tunnelChecksum: false });
    expect(frame.toBytes()).toEqual(new Uint8Array(0));
  });

  it('takes over what another means, without its bytes', () => {
    const { frame } = frameOf([20]);
    const other = new Frame().start(0);
    const tunnel = { tunnel: 6, tunnelChecksum: true, outerTransport: 34, innerNetwork: 64 };
    const checksum = { needsChecksum: true, checksumStart: 104, checksumOffset: 16 };
    const meaning = { ...checksum, ...tunnel, gso: 4, gsoSize: 1428, gsoEcn: true };
    Object.assign(other, meaning);
    expect(frame.describeAs(other)).toMatchObject({ ...meaning, length: 20, lane: 3 });
  });

  it('takes any part of another, whose bytes it refers to', () => {
    fc.assert(
      fc.property(lengths, fc.nat(1200), fc.nat(1200), (chosen, from, length) => {
        const { frame, expected } = frameOf(chosen);
        fc.pre(from + length <= expected.length);
        const part = new Frame().start(0).add(Uint8Array.of(1, 2), 0, 2).addFrom(frame, from, length);
        expect(part.length).toBe(2 + length);
        expect(part.toBytes()).toEqual(Uint8Array.of(1, 2, ...expected.subarray(from, from + length)));
      }),
    );
  });
});
