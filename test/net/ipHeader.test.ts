import { describe, expect, it } from 'vitest';
import { IpHeader, protocol } from '../../src/net/link/ipHeader.js';
import { buildPacket, type BuiltPacket, type Packet } from '../support/packets.js';

const payload = new Uint8Array(600);

function build(packet: Partial<Packet>): BuiltPacket {
  return buildPacket({ version: 4, transport: 'udp', payload, ...packet });
}

/** Whether a header is found once these bytes of it are changed: offsets from its start. */
function finds({ bytes, networkStart }: BuiltPacket, changes: Record<number, number>, length = bytes.length): boolean {
  for (const [at, value] of Object.entries(changes)) bytes[networkStart + Number(at)] = value;
  return new IpHeader().find(bytes, length);
}

const options = new Uint8Array(12);
const extensions = [0, 43, 60].map((kind) => ({ kind, length: 24 }));

describe('the network header of a frame', () => {
  it.each([
    ['IPv4', {}],
    ['IPv4 with options, behind VLAN tags', { ipOptions: options, vlans: [0x88a8, 0x8100] }],
    ['IPv6', { version: 6 }],
    ['IPv6 with extension headers, behind a VLAN tag', { version: 6, extensions, vlans: [0x8100] }],
  ] as [string, Partial<Packet>][])('is found: %s', (_name, packet) => {
    const built = build(packet);
    const ip = new IpHeader();
    expect(ip.find(built.bytes, built.bytes.length)).toBe(true);
    const { networkStart: start, checksumStart: transport } = built;
    expect(ip).toMatchObject({ version: packet.version ?? 4, start, transport, protocol: protocol.udp });
  });

  it.each([
    ['IPv4', { ipOptions: options }],
    ['IPv6', { version: 6, extensions }],
  ] as [string, Partial<Packet>][])('is not found where it is not whole: %s', (_name, packet) => {
    const built = build(packet);
    for (let length = 0; length < built.checksumStart; length++) expect(finds(built, {}, length)).toBe(false);
    expect(finds(built, {}, built.checksumStart)).toBe(true);
  });

  it('is not found in what is no IP', () => {
    const built = build({});
    built.bytes.set([0x08, 0x06], built.networkStart - 2);
    expect(finds(built, {})).toBe(false);
  });

  it.each<[string, Partial<Packet>, Record<number, number>]>([
    ['IPv4 of another version', {}, { 0: 0x65 }],
    ['IPv6 of another version', { version: 6 }, { 0: 0x45 }],
    ['IPv4 below 20 bytes', {}, { 0: 0x44 }],
    ['a first fragment', {}, { 6: 0x20 }],
    ['a later fragment', {}, { 7: 1 }],
    ['a fragment of IPv6', { version: 6 }, { 6: 44 }],
    ['a fragment of IPv6 behind another header', { version: 6, extensions }, { 40: 44 }],
    ['an extension header longer than the frame', { version: 6, extensions }, { 41: 255 }],
  ])('is not found in %s', (_name, packet, changes) => {
    expect(finds(build(packet), changes)).toBe(false);
  });
});
