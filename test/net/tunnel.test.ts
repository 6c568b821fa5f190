import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gsoType, type Frame } from '../../src/net/link/frame.js';
import { allOffloads, offload } from '../../src/net/link/offloads.js';
import { Segments } from '../../src/net/link/segments.js';
import { receiveIp, receiveTransport } from '../support/naiveStack.js';
import {
  buildTunnelled,
  packetFrame,
  tunnels,
  type Asked,
  type BuiltPacket,
  type Packet,
  type TunnelPacket,
} from '../support/packets.js';

const payload = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >>> 8)) & 255);
const inner: Packet = { version: 4, transport: 'tcp', payload, identification: 500, sequence: 1000 };
const outer: TunnelPacket = { version: 4, ...tunnels.vxlan, checksum: true, identification: 0xffff };
const asked = { gso: gsoType.tcp4, gsoSize: 1400 };

function divide(built: BuiltPacket, wanted: Asked, offloads = 0): Uint8Array[] {
  const segments = new Segments();
  expect(segments.start(packetFrame(built, wanted, 333), offloads)).toBe(true);
  const frames: Uint8Array[] = [];
  for (let frame = segments.next(); frame; frame = segments.next()) {
    expect(frame).toMatchObject({ tunnel: 0, tunnelChecksum: false, gso: gsoType.none, needsChecksum: false });
    frames.push(frame.toBytes());
  }
  return frames;
}

/** What comes out of both ends of a tunnel: the tunnel's packet, its own header, the packet in it. */
function receive(frame: Uint8Array, tunnel: TunnelPacket) {
  const ip = receiveIp(frame);
  const udp = receiveTransport(ip, tunnel.checksum);
  const content = Uint8Array.from(udp.payload);
  const innerIp = receiveIp(content.subarray(tunnel.header.length));
  return { ip, header: content.subarray(0, tunnel.header.length), innerIp, ...receiveTransport(innerIp) };
}

describe('TCP in a tunnel', () => {
  it('is cut into segments that are each in a tunnel', () => {
    const parts = divide(buildTunnelled(inner, outer), asked).map((frame) => receive(frame, outer));
    expect(parts.map((part) => part.payload.length)).toEqual([1400, 1400, 1400, 800]);
    expect(parts.flatMap((part) => part.payload)).toEqual([...payload]);
    expect(parts.map((part) => part.sequence)).toEqual([1000, 2400, 3800, 5200]);
    expect(parts.map((part) => part.ip.identification)).toEqual([0xffff, 0, 1, 2]);
    expect(parts.map((part) => part.innerIp.identification)).toEqual([500, 501, 502, 503]);
    for (const part of parts) expect(part.header).toEqual(outer.header);
  });

  it('has no checksum outside where its sender wants none', () => {
    const tunnel = { ...outer, checksum: false };
    const frames = divide(buildTunnelled(inner, tunnel), asked);
    expect(frames.flatMap((frame) => receive(frame, tunnel).payload)).toEqual([...payload]);
    for (const frame of frames) expect([...frame.subarray(14 + 20 + 6, 14 + 20 + 8)]).toEqual([0, 0]);
  });

  it('keeps the checksum outside that is right for each of its equal segments already', () => {
    const packet = { ...inner, payload: payload.subarray(0, 4200) };
    const complete = divide(buildTunnelled(packet, outer), asked);
    const built = buildTunnelled(packet, outer);
    const field = 14 + 20 + 6;
    // The same for all segments, since each part of what it covers adds up to the same.
    const checksum = complete[0].subarray(field, field + 2);
    built.bytes.set(checksum, field);
    const frame = packetFrame(built, asked);
    frame.tunnelChecksum = false;
    const segments = new Segments();
    expect(segments.start(frame, 0)).toBe(true);
    for (const expected of complete) expect(segments.next()!.toBytes()).toEqual(expected);
  });

  it('has all checksums filled in even for a receiver who fills in those of single packets', () => {
    const frames = divide(buildTunnelled(inner, outer), asked, offload.checksum | offload.tcp4);
    expect(frames.flatMap((frame) => receive(frame, outer).payload)).toEqual([...payload]);
  });

  it('is cut whatever IP is outside and inside', () => {
    const versions = fc.constantFrom(4 as const, 6 as const);
    const vlans = fc.array(fc.constantFrom(0x8100, 0x88a8), { maxLength: 2 });
    const extensions = fc.array(fc.constantFrom({ kind: 0, length: 8 }, { kind: 60, length: 16 }), { maxLength: 2 });
    const around = fc.record({ version: versions, vlans, extensions });
    const packets = fc.record({ transport: fc.constantFrom('tcp' as const, 'udp' as const), size: fc.nat(4000) });
    const kinds = fc.constantFrom(tunnels.vxlan, tunnels.geneve);
    const numbers = fc.record({ gsoSize: fc.integer({ min: 8, max: 1500 }), range: fc.integer({ min: 20, max: 900 }) });
    const segments = new Segments();
    fc.assert(
      fc.property(around, kinds, fc.boolean(), around, packets, numbers, (a, kind, checksum, b, packet, wanted) => {
        const tunnel: TunnelPacket = { ...a, ...kind, checksum };
        const content: Packet = { ...b, transport: packet.transport, payload: payload.subarray(0, packet.size) };
        const tcp = b.version === 4 ? gsoType.tcp4 : gsoType.tcp6;
        const gso = packet.transport === 'tcp' ? tcp : gsoType.udpL4;
        const { gsoSize, range } = wanted;
        const frame = packetFrame(buildTunnelled(content, tunnel), { gso, gsoSize }, range);
        expect(segments.start(frame, 0)).toBe(true);
        const received: number[] = [];
        for (let part = segments.next(); part; part = segments.next()) {
          const { ip, header, innerIp, payload: piece } = receive(part.toBytes(), tunnel);
          expect([ip.version, innerIp.version]).toEqual([a.version, b.version]);
          expect([ip.vlans, innerIp.vlans]).toEqual([a.vlans, b.vlans]);
          expect(header).toEqual(kind.header);
          received.push(...piece);
        }
        expect(received).toEqual([...content.payload]);
      }),
    );
  });
});

describe('a tunnel that does not fit', () => {
  const built = buildTunnelled(inner, outer);
  const { outerTransport, innerNetwork } = built.tunnelled!;

  it.each<[string, Asked & Partial<Frame>]>([
    ['its UDP is elsewhere', { outerTransport: outerTransport + 2 }],
    ['its UDP is beyond the frame', { outerTransport: 60_000 }],
    ['the packet in it is elsewhere', { innerNetwork: innerNetwork - 2 }],
    ['the packet in it is the tunnel itself', { innerNetwork: 14 }],
    ['the packet in it is beyond the frame', { innerNetwork: 60_000 }],
    ['the packet in it is of the other version', { tunnel: 6, gso: gsoType.tcp6 }],
    ['the segmentation is of the other version', { gso: gsoType.tcp6 }],
    ['there is nothing to cut', { gso: gsoType.none }],
    ['there is something to fragment', { gso: gsoType.udp }],
    ['the inner checksum is filled in', { needsChecksum: false }],
    ['the checksum is that of the tunnel', { checksumStart: outerTransport, checksumOffset: 6 }],
  ])('is refused: %s', (_name, wanted) => {
    expect(new Segments().start(packetFrame(built, { ...asked, ...wanted }), allOffloads)).toBe(false);
  });

  it('is refused where its segments are longer than IP can say, though what is in them is not', () => {
    const long = buildTunnelled({ ...inner, payload: new Uint8Array(65_490) }, outer);
    expect(new Segments().start(packetFrame(long, { ...asked, gsoSize: 65_490 }, 9000), 0)).toBe(false);
    expect(new Segments().start(packetFrame(long, { ...asked, gsoSize: 65_400 }, 9000), 0)).toBe(true);
  });

  it('is refused where TCP is in no tunnel at all', () => {
    const tcp = { ...buildTunnelled(inner, outer) };
    tcp.bytes[14 + 9] = 6;
    expect(new Segments().start(packetFrame(tcp, asked), 0)).toBe(false);
  });

  it('is refused where the packet in it begins within its UDP header', () => {
    const { bytes, ...overlapping } = buildTunnelled(inner, { ...outer, checksum: false });
    // An IPv4 header in the place of the UDP header, with TCP behind it.
    bytes[outerTransport] = 0x45;
    bytes[outerTransport + 9] = 6;
    bytes[outerTransport + 20 + 12] = 0x50;
    const wanted = { ...asked, innerNetwork: outerTransport, checksumStart: outerTransport + 20 };
    expect(new Segments().start(packetFrame({ ...overlapping, bytes }, wanted), 0)).toBe(false);
  });

  it('is refused however short it is', () => {
    const segments = new Segments();
    for (let length = 0; length < built.payloadStart; length++) {
      const short = { ...built, bytes: built.bytes.subarray(0, length) };
      expect(segments.start(packetFrame(short, asked, 100), 0)).toBe(false);
    }
  });
});
