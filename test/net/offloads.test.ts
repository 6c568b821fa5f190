import { describe, expect, it } from 'vitest';
import { Frame, gsoType } from '../../src/net/link/frame.js';
import { allOffloads, neededOffloads, offload } from '../../src/net/link/offloads.js';
import { buildPacket, buildTunnelled, packetFrame, tunnels, type Asked, type Packet } from '../support/packets.js';

function needed(packet: Partial<Packet>, asked: Asked): number {
  const built = buildPacket({ version: 4, transport: 'tcp', payload: new Uint8Array(100), ...packet });
  return neededOffloads(packetFrame(built, { gsoSize: 10, ...asked }, 9));
}

describe('what a frame needs of its receiver', () => {
  it('is nothing when it is complete', () => {
    expect(needed({}, { needsChecksum: false })).toBe(0);
  });

  it.each([
    ['a checksum', {}, {}, offload.checksum],
    ['TCP over IPv4', {}, { gso: gsoType.tcp4 }, offload.checksum | offload.tcp4],
    ['TCP over IPv6', { version: 6 }, { gso: gsoType.tcp6 }, offload.checksum | offload.tcp6],
    ['ECN', {}, { gso: gsoType.tcp4, gsoEcn: true }, offload.checksum | offload.tcp4 | offload.ecn],
    ['UDP fragments', { transport: 'udp' }, { gso: gsoType.udp }, offload.checksum | offload.udp],
    ['UDP over IPv4', { transport: 'udp' }, { gso: gsoType.udpL4 }, offload.checksum | offload.udpL4v4],
    ['UDP over IPv6', { transport: 'udp', version: 6 }, { gso: gsoType.udpL4 }, offload.checksum | offload.udpL4v6],
    [
      'UDP over IPv6 behind two VLAN tags',
      { transport: 'udp', version: 6, vlans: [0x88a8, 0x8100] },
      { gso: gsoType.udpL4 },
      offload.checksum | offload.udpL4v6,
    ],
  ] as [string, Partial<Packet>, Asked, number][])('%s', (_name, packet, asked, expected) => {
    expect(needed(packet, asked)).toBe(expected);
    expect(expected & ~allOffloads).toBe(0);
  });

  it.each([
    ['TCP', 'tcp', 4, gsoType.tcp4, false, offload.tcp4],
    ['UDP', 'udp', 6, gsoType.udpL4, false, offload.udpL4v6],
    ["TCP and the tunnel's own checksum", 'tcp', 6, gsoType.tcp6, true, offload.tcp6 | offload.tunnelChecksum],
  ] as const)('in a tunnel, %s', (_name, transport, version, gso, checksum, expected) => {
    const packet = { version, transport, payload: new Uint8Array(100) };
    const built = buildTunnelled(packet, { version: 4, ...tunnels.vxlan, checksum });
    const needs = neededOffloads(packetFrame(built, { gso, gsoSize: 10 }));
    expect(needs).toBe(expected | offload.checksum | offload.tunnel);
    expect(needs & ~allOffloads).toBe(0);
    expect(neededOffloads(packetFrame(built)) & ~allOffloads).not.toBe(0);
  });

  it('is more than anybody has when the frame makes no sense', () => {
    expect(needed({}, { gso: 2 }) & ~allOffloads).not.toBe(0);
    const runt = Object.assign(new Frame().start(0).add(new Uint8Array(14), 0, 14), { gso: gsoType.udpL4 });
    expect(neededOffloads(runt) & ~allOffloads).not.toBe(0);
  });
});
