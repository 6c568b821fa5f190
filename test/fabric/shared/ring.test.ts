import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { leastRingBytes, RingReader, RingWriter, sharedRingBytes } from '../../../src/fabric/shared/ring.js';
import { Frame } from '../../../src/net/link/frame.js';

const offset = 64;

function newRing(size = leastRingBytes): { writer: RingWriter; reader: RingReader } {
  const memory = new SharedArrayBuffer(offset + sharedRingBytes(size));
  return { writer: new RingWriter(memory, offset, size), reader: new RingReader(memory, offset, size) };
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >>> 8)) & 0xff);
}

function frameOf(bytes: Uint8Array, lane = 0): Frame {
  const cut = Math.min(13, bytes.length);
  return new Frame()
    .start(lane)
    .add(bytes, 0, cut)
    .add(bytes, cut, bytes.length - cut);
}

/** Takes a frame; whether the writer is to be told. */
function take(reader: RingReader): boolean {
  expect(reader.head()).toBeDefined();
  return reader.shift();
}

const largest = 65535 + 14;

describe('a ring', () => {
  it('is empty at first', () => {
    const { reader } = newRing();
    expect(reader.ready).toBe(false);
    expect(reader.head()).toBeUndefined();
  });

  it('carries what a packet header means', () => {
    const { writer, reader } = newRing();
    const values = {
      ...{ needsChecksum: true, checksumStart: 34, checksumOffset: 16, gso: 4, gsoSize: 1440, gsoEcn: true },
      ...{ tunnel: 6, tunnelChecksum: true, outerTransport: 34, innerNetwork: 50, headerLength: 90, flow: -5 },
    } as const;
    for (const tunnel of [0, 4, 6] as const) {
      const frame = Object.assign(frameOf(bytesOf(100, 1), 3), values, { tunnel });
      expect(writer.push(frame)).toBe(true);
      expect(reader.head()).toMatchObject({ ...values, tunnel, lane: 3, length: 100 });
      reader.shift();
    }
    writer.push(frameOf(bytesOf(60, 2)));
    expect(reader.head()).toMatchObject({
      needsChecksum: false,
      gso: 0,
      gsoEcn: false,
      tunnel: 0,
      tunnelChecksum: false,
    });
  });

  it('has every frame begin 4 bytes behind a multiple of 8, as behind the packet header in a receive buffer', () => {
    const { writer, reader } = newRing();
    for (let length = 200; length < 217; length++) {
      writer.push(frameOf(bytesOf(length, length)));
      const { bytes, start } = reader.head()!.head();
      expect((bytes.byteOffset + start) % 8).toBe(4);
      reader.shift();
    }
  });

  it('is full for a frame that does not fit, and tells when half of it is free again', () => {
    const { writer, reader } = newRing();
    let count = 0;
    while (writer.push(frameOf(bytesOf(largest, count)))) count++;
    expect(count).toBe(3);
    expect(writer.waits).toBe(true);
    expect(take(reader)).toBe(false);
    expect(writer.waits).toBe(true);
    expect(take(reader)).toBe(true);
    expect(writer.waits).toBe(false);
    expect(take(reader)).toBe(false);
    expect(writer.push(frameOf(bytesOf(largest, 9)))).toBe(true);
  });

  it('has the same frames at its end as at its beginning, in their order, whatever their lengths', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: largest })) }),
        fc.record({ take: fc.integer({ min: 1, max: 5 }) }),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const { writer, reader } = newRing();
        const waiting: Uint8Array[] = [];
        for (const [index, step] of list.entries()) {
          if ('push' in step) {
            const bytes = bytesOf(step.push, index);
            if (writer.push(frameOf(bytes))) waiting.push(bytes);
            else expect(waiting.length).toBeGreaterThan(0);
            continue;
          }
          for (let i = 0; i < step.take; i++) {
            const expected = waiting.shift();
            const frame = reader.head();
            expect(frame === undefined).toBe(expected === undefined);
            if (!frame || !expected) break;
            expect(Buffer.compare(frame.toBytes(), expected)).toBe(0);
            reader.shift();
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('knows how many frames were not taken, and gives them up all at once', () => {
    const { writer, reader } = newRing();
    for (let i = 0; i < 3; i++) writer.push(frameOf(bytesOf(largest, i)));
    take(reader);
    for (let i = 0; i < 5; i++) writer.push(frameOf(bytesOf(i, i)));
    expect(writer.unread).toBe(7);
    expect(reader.clear()).toBe(7);
    expect([writer.unread, reader.clear(), reader.ready]).toEqual([0, 0, false]);
    writer.push(frameOf(bytesOf(100, 1)));
    expect(writer.unread).toBe(1);
    expect(reader.head()?.toBytes()).toEqual(bytesOf(100, 1));
  });

  it('goes on when its positions go beyond 32 bits', () => {
    const { writer, reader } = newRing();
    // As after nearly 4 GiB.
    const start = 0xffffff00 | 0;
    Object.assign(writer, { written: start, read: start });
    Object.assign(reader, { read: start });
    const { state } = writer as unknown as { state: Int32Array };
    state[0] = start;
    state[16] = start;
    for (let i = 0; i < 20; i++) {
      const bytes = bytesOf(1000, i);
      expect(writer.push(frameOf(bytes))).toBe(true);
      expect(reader.head()?.toBytes()).toEqual(bytes);
      reader.shift();
    }
  });

  it.each([1000, leastRingBytes / 2, leastRingBytes + 8, 2 ** 31])('can not have %i bytes', (size) => {
    expect(() => sharedRingBytes(size)).toThrow(`A ring has ${size} bytes; it must be a power of two from 262144`);
  });
});
