import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gsoType } from '../../src/net/link/frame.js';
import { offload } from '../../src/net/link/offloads.js';
import { Segments } from '../../src/net/link/segments.js';
import { reassemble, receiveIp, receiveTransport } from '../support/naiveStack.js';
import { buildPacket, packetFrame, type Packet } from '../support/packets.js';

const byte = fc.nat(255);
const options = fc.nat(10).chain((count) => fc.uint8Array({ minLength: 4 * count, maxLength: 4 * count }));

const packets: fc.Arbitrary<Packet> = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  transport: fc.constantFrom('tcp' as const, 'udp' as const),
  payload: fc.uint8Array({ minLength: 1, maxLength: 4000, size: 'max' }),
  vlans: fc.array(fc.constantFrom(0x8100, 0x88a8), { maxLength: 2 }),
  ipOptions: options,
  extensions: fc.array(
    fc.record({ kind: fc.constantFrom(0, 43, 60), length: fc.integer({ min: 1, max: 4 }).map((units) => 8 * units) }),
    { maxLength: 4 },
  ),
  tcpOptions: options,
  flags: byte,
  sequence: fc.nat(0xffffffff),
  identification: fc.nat(0xffff),
  dontFragment: fc.boolean(),
});

// One for all, as a lane has it: what one frame leaves behind must not show in the next.
const segments = new Segments();
const second = new Segments();

function divide(packet: Packet, gso: number, gsoSize: number, range: number, offloads: number) {
  expect(segments.start(packetFrame(buildPacket(packet), { gso, gsoSize }, range), offloads)).toBe(true);
  const frames: Uint8Array[] = [];
  for (let frame = segments.next(); frame; frame = segments.next()) {
    const partial = frame.needsChecksum;
    if (partial) expect(second.start(frame, 0)).toBe(true);
    frames.push((partial ? second.next()! : frame).toBytes());
  }
  expect(frames).toHaveLength(segments.count);
  return frames.map(receiveIp);
}

const ranges = fc.integer({ min: 20, max: 2000 });

describe('segments', () => {
  it('make up the packet again, each right in itself', () => {
    const sizes = fc.integer({ min: 8, max: 1500 });
    const offloads = fc.constantFrom(0, offload.checksum);
    fc.assert(
      fc.property(packets, sizes, ranges, offloads, (packet, size, range, mask) => {
        const tcp = packet.version === 4 ? gsoType.tcp4 : gsoType.tcp6;
        const parts = divide(packet, packet.transport === 'tcp' ? tcp : gsoType.udpL4, size, range, mask);
        let place = 0;
        const payload: number[] = [];
        parts.forEach((ip, i) => {
          const part = receiveTransport(ip);
          const last = i === parts.length - 1;
          expect(part.payload.length).toBe(last ? packet.payload.length - place : size);
          if (packet.version === 4) {
            expect(ip.identification).toBe((packet.identification! + i) % 0x10000);
            expect(ip.ipOptions).toEqual([...packet.ipOptions!]);
            expect(ip.dontFragment).toBe(packet.dontFragment);
          } else {
            expect(ip.extensions).toEqual(packet.extensions!.map(({ kind }) => kind));
          }
          expect(ip.vlans).toEqual(packet.vlans);
          if (packet.transport === 'tcp') {
            expect(part.sequence).toBe((packet.sequence! + place) % 0x100000000);
            const cleared = (last ? 0 : 0x09) | (i === 0 ? 0 : 0x80);
            expect(part.flags).toBe(packet.flags! & ~cleared);
            expect(part.options).toEqual([...packet.tcpOptions!]);
          }
          place += part.payload.length;
          payload.push(...part.payload);
        });
        expect(payload).toEqual([...packet.payload]);
      }),
    );
  });

  it('of a datagram that is fragmented are put together by a plain stack', () => {
    const sizes = fc.integer({ min: 8, max: 1500 });
    fc.assert(
      fc.property(packets, sizes, ranges, (any, size, range) => {
        const packet: Packet = { ...any, transport: 'udp' };
        const parts = divide(packet, gsoType.udp, size, range, 0);
        for (const part of parts) expect(part.vlans).toEqual(packet.vlans);
        const whole = parts.length === 1 ? parts[0] : reassemble(parts);
        if (packet.version === 4) expect(whole.identification).toBe(packet.identification);
        const kinds = whole.extensions.filter((kind) => kind !== 44);
        if (packet.version === 6) expect(kinds).toEqual(packet.extensions!.map(({ kind }) => kind));
        expect(receiveTransport(whole).payload).toEqual([...packet.payload]);
      }),
    );
  });

  it('of whatever a guest sends never throw, and never grow', () => {
    const damage = fc.array(fc.tuple(fc.nat(160), byte), { maxLength: 4 });
    const wanted = fc.record({
      gso: fc.constantFrom(...Object.values(gsoType), 2),
      gsoSize: fc.nat(3000),
      checksumStart: fc.oneof(fc.constant(undefined), fc.nat(0xffff)),
      checksumOffset: fc.oneof(fc.constant(undefined), fc.nat(0xffff)),
    });
    fc.assert(
      fc.property(packets, damage, wanted, fc.nat(5000), (packet, changes, asked, length) => {
        const built = buildPacket(packet);
        for (const [at, value] of changes) built.bytes[at % built.bytes.length] = value;
        const { checksumStart = built.checksumStart, checksumOffset = built.checksumOffset } = asked;
        const { gso, gsoSize } = asked;
        const cut = { ...built, bytes: built.bytes.subarray(0, length), checksumStart, checksumOffset };
        if (!segments.start(packetFrame(cut, { gso, gsoSize }, 700), 0)) return;
        let made = 0;
        for (let frame = segments.next(); frame; frame = segments.next(), made++) {
          expect(frame.length).toBeLessThanOrEqual(cut.bytes.length + 8);
          expect(frame.toBytes()).toHaveLength(frame.length);
        }
        expect(made).toBe(segments.count);
      }),
      { numRuns: 300 },
    );
  });
});
