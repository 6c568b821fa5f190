import { describe, expect, it } from 'vitest';
import { gsoType } from '../../src/net/link/frame.js';
import { Segments } from '../../src/net/link/segments.js';
import {
  buildPacket,
  buildTunnelled,
  packetFrame,
  tunnels,
  type Asked,
  type BuiltPacket,
  type Packet,
} from '../support/packets.js';
import { dissect } from './tshark.js';

const payload = Uint8Array.from({ length: 20_001 }, (_, i) => (i * 7 + (i >>> 8)) & 255);
const hex = Buffer.from(payload).toString('hex');

function divide(packet: Omit<Packet, 'payload'>, asked: Asked): Uint8Array[] {
  return divideBuilt(buildPacket({ ...packet, payload }), asked);
}

function divideBuilt(built: BuiltPacket, asked: Asked): Uint8Array[] {
  const segments = new Segments();
  expect(segments.start(packetFrame(built, asked, 333), 0)).toBe(true);
  const frames: Uint8Array[] = [];
  for (let frame = segments.next(); frame; frame = segments.next()) frames.push(frame.toBytes());
  return frames;
}

const fields = [
  'ip.checksum.status',
  'tcp.checksum.status',
  'udp.checksum.status',
  '_ws.malformed',
  '_ws.expert.message',
];
fields.push('tcp.payload', 'udp.payload');
const good = '1';

/** What tshark thinks of frames: checksums of each layer, complaints, and the payload of all. */
function judge(frames: Uint8Array[]) {
  const rows = dissect(frames, fields);
  expect(rows).toHaveLength(frames.length);
  const column = (index: number) => rows.flatMap((row) => row[index]);
  const [ip, tcp, udp, malformed, complaints] = fields.map((_, i) => column(i));
  return { ip, tcp, udp, complaints: [...malformed, ...complaints], payload: [...column(5), ...column(6)].join('') };
}

const all = (count: number) => new Array<string>(count).fill(good);
// An end of the list of options, and padding.
const long = { ipOptions: new Uint8Array(40), tcpOptions: new Uint8Array(40) };
const vlans = [0x88a8, 0x8100];
const extensions = [0, 60].map((kind) => ({ kind, length: 16 }));

describe('tshark, which verifies every checksum', () => {
  it('finds a wrong one', () => {
    const [frame] = divide({ version: 4, transport: 'tcp' }, {});
    expect(judge([frame])).toMatchObject({ ip: [good], tcp: [good], complaints: [], payload: hex });
    frame[frame.length - 1] ^= 1;
    expect(judge([frame]).tcp).toEqual(['0']);
  });

  it.each([
    ['IPv4', { version: 4 as const }, gsoType.tcp4],
    ['IPv4 with all options', { version: 4 as const, ...long }, gsoType.tcp4],
    ['IPv6', { version: 6 as const }, gsoType.tcp6],
    [
      'IPv6 behind VLAN tags, with extension headers',
      { version: 6 as const, vlans, extensions, ...long },
      gsoType.tcp6,
    ],
  ])('is content with segments of TCP over %s', (_name, packet, gso) => {
    const frames = divide({ transport: 'tcp', ...packet }, { gso, gsoSize: 1448 });
    const ip = packet.version === 4 ? all(14) : [];
    expect(judge(frames)).toEqual({ ip, tcp: all(14), udp: [], complaints: [], payload: hex });
  });

  it.each([
    ['IPv4', { version: 4 as const }],
    ['IPv6 behind VLAN tags', { version: 6 as const, vlans }],
  ])('is content with datagrams of UDP over %s', (_name, packet) => {
    const frames = divide({ transport: 'udp', ...packet }, { gso: gsoType.udpL4, gsoSize: 1400 });
    const ip = packet.version === 4 ? all(15) : [];
    expect(judge(frames)).toEqual({ ip, tcp: [], udp: all(15), complaints: [], payload: hex });
  });

  it.each([
    ['IPv4', { version: 4 as const, ipOptions: long.ipOptions }],
    ['IPv6', { version: 6 as const }],
    ['IPv6 behind VLAN tags, with extension headers', { version: 6 as const, vlans, extensions }],
  ])('puts the fragments of a datagram together over %s', (_name, packet) => {
    const frames = divide({ transport: 'udp', ...packet }, { gso: gsoType.udp, gsoSize: 1480 });
    expect(frames).toHaveLength(14);
    const ip = packet.version === 4 ? all(14) : [];
    expect(judge(frames)).toEqual({ ip, tcp: [], udp: [good], complaints: [], payload: hex });
  });

  it.each([
    ['VXLAN over IPv4', 'vxlan', 4, 4, true],
    ['VXLAN over IPv6', 'vxlan', 6, 4, true],
    ['VXLAN without a checksum', 'vxlan', 4, 6, false],
    ['Geneve over IPv6', 'geneve', 6, 6, true],
  ] as const)('is content with TCP in %s', (_name, kind, outer, inner, checksum) => {
    const built = buildTunnelled(
      { version: inner, transport: 'tcp', payload },
      { version: outer, ...tunnels[kind], checksum },
    );
    const frames = divideBuilt(built, { gso: inner === 4 ? gsoType.tcp4 : gsoType.tcp6, gsoSize: 1400 });
    const headers = [outer, inner].filter((version) => version === 4).length;
    const found = judge(frames);
    // A checksum that is there and good, or none.
    expect(found.udp).toEqual(new Array(15).fill(checksum ? good : '3'));
    expect(found).toMatchObject({ ip: all(15 * headers), tcp: all(15), complaints: [] });
    expect(found.payload.startsWith(hex)).toBe(true);
  });
});
