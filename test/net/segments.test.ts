import { describe, expect, it } from 'vitest';
import { gsoType, type Frame } from '../../src/net/link/frame.js';
import { offload } from '../../src/net/link/offloads.js';
import { Segments } from '../../src/net/link/segments.js';
import { reassemble, receiveIp, receiveTransport } from '../support/naiveStack.js';
import { buildPacket, packetFrame, type Asked, type BuiltPacket, type Packet } from '../support/packets.js';

const payload = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >>> 8)) & 255);
const tcp: Packet = { version: 4, transport: 'tcp', payload };
const udp: Packet = { version: 4, transport: 'udp', payload };
const flags = { fin: 1, syn: 2, psh: 8, ack: 0x10, ece: 0x40, cwr: 0x80 };

/** All frames of one, as bytes. */
function divide(packet: Packet, asked: Asked, offloads = 0): Uint8Array[] {
  const segments = new Segments();
  expect(segments.start(packetFrame(buildPacket(packet), asked, 333), offloads)).toBe(true);
  return rest(segments);
}

function rest(segments: Segments): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = segments.next(); frame; frame = segments.next()) {
    expect(frame).toMatchObject({ lane: 3, gso: gsoType.none, needsChecksum: false });
    frames.push(frame.toBytes());
  }
  expect(frames).toHaveLength(segments.count);
  return frames;
}

function receive(frame: Uint8Array) {
  const ip = receiveIp(frame);
  return { ip, ...receiveTransport(ip) };
}

describe('a frame without its checksum', () => {
  it.each([tcp, udp, { ...tcp, version: 6 as const }, { ...udp, version: 6 as const }])('gets it', (packet) => {
    const frames = divide(packet, {});
    expect(frames).toHaveLength(1);
    expect(receive(frames[0]).payload).toEqual([...payload]);
  });

  it('gets 0xffff where the checksum of UDP would be 0', () => {
    const built = buildPacket({ ...udp, payload: new Uint8Array(2) });
    const at = built.checksumStart + built.checksumOffset;
    // The payload that makes the whole sum 0xffff.
    const segments = new Segments();
    segments.start(packetFrame(built), 0);
    const checksum = segments
      .next()!
      .toBytes()
      .subarray(at, at + 2);
    built.bytes.set(checksum, built.payloadStart);
    segments.start(packetFrame(built), 0);
    const bytes = segments.next()!.toBytes();
    expect([...bytes.subarray(at, at + 2)]).toEqual([0xff, 0xff]);
    expect(receive(bytes).payload).toEqual([...checksum]);
  });

  it('keeps its flow and lane', () => {
    const frame = packetFrame(buildPacket(tcp));
    frame.flow = 1234;
    const segments = new Segments();
    segments.start(frame, 0);
    expect(segments.next()).toMatchObject({ flow: 1234, lane: 3 });
  });
});

describe('a TCP stream', () => {
  it('is cut into segments that each have their place in it', () => {
    const options = Uint8Array.from({ length: 12 }, (_, i) => i);
    const packet = { ...tcp, tcpOptions: options, sequence: 0xfffffc00, identification: 0xfffe };
    const parts = divide(packet, { gso: gsoType.tcp4, gsoSize: 1448 }).map(receive);
    expect(parts.map((part) => part.payload.length)).toEqual([1448, 1448, 1448, 656]);
    expect(parts.flatMap((part) => part.payload)).toEqual([...payload]);
    expect(parts.map((part) => part.sequence)).toEqual([0xfffffc00, 424, 1872, 3320]);
    expect(parts.map((part) => part.ip.identification)).toEqual([0xfffe, 0xffff, 0, 1]);
    for (const part of parts) expect(part.options).toEqual([...options]);
  });

  it('ends and is pushed by the last segment, and tells of its window in the first', () => {
    const { fin, psh, ack, ece, cwr } = flags;
    const packet = { ...tcp, flags: fin | psh | ack | ece | cwr };
    const parts = divide(packet, { gso: gsoType.tcp4, gsoSize: 2000, gsoEcn: true }).map(receive);
    expect(parts.map((part) => part.flags)).toEqual([cwr | ack | ece, ack | ece, ack | ece | fin | psh]);
    const whole = divide(packet, { gso: gsoType.tcp4, gsoSize: 5000, gsoEcn: true }).map(receive);
    expect(whole.map((part) => part.flags)).toEqual([packet.flags]);
  });

  it('is cut behind VLAN tags, options and extension headers', () => {
    const tagged = { ...tcp, vlans: [0x88a8, 0x8100], ipOptions: new Uint8Array(40).fill(1) };
    const four = divide({ ...tagged, tcpOptions: new Uint8Array(40).fill(1) }, { gso: gsoType.tcp4, gsoSize: 1000 });
    expect(four.map((frame) => frame.length)).toEqual(new Array(5).fill(14 + 8 + 60 + 60 + 1000));
    expect(four.map(receive).map((part) => part.ip.ipOptions.length)).toEqual(new Array(5).fill(40));
    const extensions = [0, 60, 43, 60].map((kind, i) => ({ kind, length: 8 * (i + 1) }));
    const six = divide({ ...tcp, version: 6, extensions }, { gso: gsoType.tcp6, gsoSize: 1000 }).map(receive);
    expect(six.flatMap((part) => part.payload)).toEqual([...payload]);
    for (const part of six) expect(part.ip.extensions).toEqual([0, 60, 43, 60]);
  });

  it('leaves the checksums to a receiver who fills them in', () => {
    const segments = new Segments();
    const built = buildPacket({ ...tcp, version: 6 });
    segments.start(packetFrame(built, { gso: gsoType.tcp6, gsoSize: 1999 }), offload.checksum);
    const again = new Segments();
    const frames: Uint8Array[] = [];
    for (let frame = segments.next(); frame; frame = segments.next()) {
      const { checksumStart, checksumOffset } = built;
      expect(frame).toMatchObject({ needsChecksum: true, checksumStart, checksumOffset, gso: gsoType.none });
      expect(again.start(frame, 0)).toBe(true);
      frames.push(again.next()!.toBytes());
    }
    expect(frames.map((frame) => receive(frame).payload.length)).toEqual([1999, 1999, 1002]);
  });

  it('goes on where a receiver was full, with the same bytes', () => {
    const packet = { ...tcp, identification: 77 };
    const all = divide(packet, { gso: gsoType.tcp4, gsoSize: 700 });
    const segments = new Segments();
    segments.start(packetFrame(buildPacket(packet), { gso: gsoType.tcp4, gsoSize: 700 }, 91), 0);
    segments.index = 5;
    expect(segments.next()!.toBytes()).toEqual(all[5]);
    segments.index = 3;
    expect(segments.next()!.toBytes()).toEqual(all[3]);
    segments.index = segments.count;
    expect(segments.next()).toBeUndefined();
  });
});

describe('UDP to be cut', () => {
  it.each([4, 6] as const)('becomes datagrams over IPv%s', (version) => {
    const parts = divide({ ...udp, version, identification: 9 }, { gso: gsoType.udpL4, gsoSize: 1200 }).map(receive);
    expect(parts.map((part) => part.payload.length)).toEqual([1200, 1200, 1200, 1200, 200]);
    expect(parts.flatMap((part) => part.payload)).toEqual([...payload]);
    if (version === 4) expect(parts.map((part) => part.ip.identification)).toEqual([9, 10, 11, 12, 13]);
  });
});

describe('UDP to be fragmented', () => {
  const asked = { gso: gsoType.udp, gsoSize: 1483 };

  it('becomes fragments of IPv4 with one identification and one checksum', () => {
    const frames = divide({ ...udp, identification: 0x1234, dontFragment: true }, asked);
    const parts = frames.map(receiveIp);
    expect(parts.map((part) => part.content.length)).toEqual([1480, 1480, 1480, 568]);
    expect(parts.map((part) => part.dontFragment)).toEqual([false, false, false, false]);
    const whole = reassemble(parts);
    expect(whole.identification).toBe(0x1234);
    expect(receiveTransport(whole).payload).toEqual([...payload]);
  });

  it('becomes fragments of IPv6 behind the headers that routers need', () => {
    const extensions = [0, 60, 43, 60].map((kind) => ({ kind, length: 16 }));
    const packet: Packet = { ...udp, version: 6, extensions };
    const parts = divide(packet, asked).map(receiveIp);
    expect(parts.map((part) => part.extensions)).toEqual(new Array(4).fill([0, 60, 43, 44]));
    const whole = reassemble(parts);
    expect(whole.extensions).toEqual([0, 60, 43, 44, 60]);
    expect(receiveTransport(whole).payload).toEqual([...payload]);
  });

  it('has another identification for another datagram over IPv6, and the same for the same', () => {
    const identify = (packet: Packet) => receiveIp(divide(packet, asked)[0]).identification;
    const other = payload.slice();
    other[4000] ^= 1;
    const packet: Packet = { ...udp, version: 6 };
    expect(identify(packet)).toBe(identify(packet));
    expect(identify(packet)).not.toBe(identify({ ...packet, payload: other }));
  });

  it.each([4, 6] as const)('stays whole where it fits over IPv%s', (version) => {
    const packet: Packet = { ...udp, version, payload: payload.subarray(0, 1000) };
    const frames = divide(packet, asked);
    expect(frames).toHaveLength(1);
    expect(receiveIp(frames[0])).not.toHaveProperty('fragment');
    expect(receive(frames[0]).payload).toHaveLength(1000);
  });

  it('keeps the checksum that it has', () => {
    const [complete] = divide(udp, {});
    const built = { ...buildPacket(udp), bytes: complete };
    const segments = new Segments();
    segments.start(packetFrame(built, { ...asked, needsChecksum: false }), 0);
    expect(receiveTransport(reassemble(rest(segments).map(receiveIp))).payload).toEqual([...payload]);
  });
});

describe('a frame whose headers do not fit', () => {
  const asked = { gso: gsoType.tcp4, gsoSize: 1000 };
  const refused = (built: BuiltPacket, wanted: Asked & Partial<Frame>): void => {
    const segments = new Segments();
    expect(segments.start(packetFrame(built, wanted, 100), 0)).toBe(false);
    expect(segments.count).toBe(0);
    expect(segments.next()).toBeUndefined();
  };
  /** A packet with one byte of its network or transport header changed. */
  const damaged = (packet: Packet, from: 'networkStart' | 'checksumStart', offset: number, value: number) => {
    const built = buildPacket(packet);
    built.bytes[built[from] + offset] = value;
    return built;
  };
  const tcpFrame = buildPacket(tcp);
  const udpFrame = buildPacket(udp);

  it.each<[string, BuiltPacket, Asked & Partial<Frame>]>([
    ['an unknown type', tcpFrame, { ...asked, gso: 2 }],
    ['segments of no size', tcpFrame, { ...asked, gsoSize: 0 }],
    ['tiny segments of TCP', tcpFrame, { ...asked, gsoSize: 7 }],
    ['fragments below 8 bytes', udpFrame, { gso: gsoType.udp, gsoSize: 7 }],
    ['TCP without a checksum to fill in', tcpFrame, { ...asked, needsChecksum: false }],
    ['IPv4 called IPv6', tcpFrame, { ...asked, gso: gsoType.tcp6 }],
    ['IPv6 called IPv4', buildPacket({ ...tcp, version: 6 }), asked],
    ['TCP called UDP', tcpFrame, { ...asked, gso: gsoType.udpL4 }],
    ['TCP to be fragmented', tcpFrame, { ...asked, gso: gsoType.udp }],
    ['TCP with its checksum, to be fragmented', tcpFrame, { ...asked, gso: gsoType.udp, needsChecksum: false }],
    ['UDP called TCP', udpFrame, asked],
    ['a checksum from elsewhere on', tcpFrame, { ...asked, checksumStart: 38 }],
    ['a checksum at another place', tcpFrame, { ...asked, checksumOffset: 6 }],
    ['a checksum beyond the frame', tcpFrame, { checksumStart: 60_000 }],
    ['a fragment whose checksum is elsewhere', udpFrame, { gso: gsoType.udp, gsoSize: 1000, checksumStart: 2 }],
    ['another version in the header', damaged(tcp, 'networkStart', 0, 0x65), asked],
    ['an IPv4 header below 20 bytes', damaged(tcp, 'networkStart', 0, 0x44), asked],
    ['an IPv4 header of another length', damaged(tcp, 'networkStart', 0, 0x46), asked],
    ['a fragment to be cut', damaged(tcp, 'networkStart', 6, 0x20), asked],
    ['a TCP header below 20 bytes', damaged(tcp, 'checksumStart', 12, 0x40), asked],
    [
      'a TCP header beyond the frame',
      damaged({ ...tcp, payload: new Uint8Array(3) }, 'checksumStart', 12, 0xf0),
      asked,
    ],
    [
      'an extension header beyond the frame',
      damaged({ ...tcp, version: 6, extensions: [{ kind: 60, length: 8 }] }, 'networkStart', 41, 255),
      { ...asked, gso: gsoType.tcp6 },
    ],
    [
      'more headers than any packet has',
      buildPacket({ ...tcp, version: 6, extensions: [{ kind: 60, length: 512 }] }),
      { ...asked, gso: gsoType.tcp6 },
    ],
    [
      'segments longer than IP can say',
      buildPacket({ ...tcp, payload: new Uint8Array(65_500) }),
      { ...asked, gsoSize: 65_535 },
    ],
    [
      'a datagram longer than IP can say',
      buildPacket({ ...udp, payload: new Uint8Array(65_509) }),
      { gso: gsoType.udp, gsoSize: 1480 },
    ],
  ])('is refused: %s', (_name, built, wanted) => refused(built, wanted));

  it('is refused however short it is', () => {
    const kinds: Asked[] = [{ gso: gsoType.tcp4 }, { gso: gsoType.udpL4 }, { gso: gsoType.udp }];
    for (const kind of [...kinds, { gso: gsoType.udp, needsChecksum: false }]) {
      const built = buildPacket(kind.gso === gsoType.tcp4 ? tcp : udp);
      for (let length = 0; length < built.payloadStart; length++) {
        refused({ ...built, bytes: built.bytes.subarray(0, length) }, { ...kind, gsoSize: 1000 });
      }
    }
  });
});
