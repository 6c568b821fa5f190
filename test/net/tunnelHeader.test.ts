import { describe, expect, it } from 'vitest';
import { ReceiveHash } from '../../src/net/hash/receiveHash.js';
import { PacketHeader, type HeaderFault } from '../../src/net/header.js';
import { Frame, gsoType } from '../../src/net/link/frame.js';
import { offload } from '../../src/net/link/offloads.js';
import { feature, runningCard, tunnels as allTunnels } from '../support/netDriver.js';
import { buildTunnelled, packetFrame, tunnels } from '../support/packets.js';

const bit = (n: bigint): bigint => 1n << n;
const [guestTunnel, , hostTunnel, hostTunnelChecksum] = [bit(65n), bit(66n), bit(67n), bit(68n)];
const hostSegmentation = feature.checksum | feature.hostTso4 | feature.hostTso6 | feature.hostUso;
const base = feature.version1 | hostSegmentation;
const withTunnels = base | hostTunnel | hostTunnelChecksum;
const [needsChecksum, dataValid, tunnelChecksum] = [1, 2, 8];
const tunnelOverIpv4 = 0x20;
const tunnelOverIpv6 = 0x40;

const payload = new Uint8Array(3000).fill(7);
const outer = { version: 4, ...tunnels.vxlan, checksum: true, identification: 1 } as const;
const inner = { 4: { version: 4, transport: 'tcp', payload }, 6: { version: 6, transport: 'tcp', payload } } as const;

const header = (features: bigint): PacketHeader => new PacketHeader(features, new ReceiveHash());

/** A packet in a tunnel, as its header tells of it. */
function tunnelled(version: 4 | 6): Frame {
  const gso = version === 4 ? gsoType.tcp4 : gsoType.tcp6;
  return packetFrame(buildTunnelled(inner[version], outer), { gso, gsoSize: 1000 });
}

/** What a card makes of a header with these changes, for which a driver had the features. */
function read(features: bigint, change: (bytes: Uint8Array) => void): { frame: Frame; fault: HeaderFault | undefined } {
  const source = tunnelled(4);
  const bytes = header(withTunnels);
  bytes.write(source, 1);
  change(bytes.received);
  const reader = header(features);
  reader.sent.set(bytes.received.subarray(0, reader.length));
  const all = source.toBytes();
  const frame = new Frame().start(0).add(all, 0, all.length);
  return { frame, fault: reader.read(frame) };
}

describe('the header of a packet in a UDP tunnel (5.1.6.2)', () => {
  it.each([
    ['without tunnels', base, 12],
    ['to the card', base | hostTunnel, 24],
    ['to the driver', feature.version1 | guestTunnel, 24],
    ['with the hash too', base | hostTunnel | feature.hashReport, 24],
  ])('has its length by what was negotiated: %s', (_, features, length) => {
    expect(header(features).length).toBe(length);
  });

  for (const version of [4, 6] as const) {
    it(`comes out as it was put in, with IPv${version} in the tunnel`, () => {
      const source = tunnelled(version);
      const both = header(withTunnels);
      both.write(source, 1);
      expect(both.received[0]).toBe(needsChecksum | tunnelChecksum);
      expect(both.received[1]).toBe(source.gso | (version === 4 ? tunnelOverIpv4 : tunnelOverIpv6));
      expect(both.received[20] | (both.received[21] << 8)).toBe(source.outerTransport);
      expect(both.received[22] | (both.received[23] << 8)).toBe(source.innerNetwork);
      const all = source.toBytes();
      const frame = new Frame().start(0).add(all, 0, all.length);
      both.sent.set(both.received);
      expect(both.read(frame)).toBeUndefined();
      const { tunnel, tunnelChecksum: checksum, outerTransport, innerNetwork, gso, gsoSize } = source;
      expect(frame).toMatchObject({ tunnel, tunnelChecksum: checksum, outerTransport, innerNetwork, gso, gsoSize });
    });
  }

  it('may not ask for what was not negotiated', () => {
    expect(read(base, () => undefined).fault?.notNegotiated).toBe(true);
    expect(read(base | hostTunnel, () => undefined).fault?.notNegotiated).toBe(true);
    const plain = read(base | hostTunnel, (bytes) => (bytes[0] &= ~tunnelChecksum));
    expect(plain.fault).toBeUndefined();
    expect(plain.frame.tunnelChecksum).toBe(false);
  });

  it.each<[string, (bytes: Uint8Array) => void]>([
    ['both kinds of tunnel', (bytes) => (bytes[1] |= tunnelOverIpv6)],
    ['nothing to be segmented', (bytes) => (bytes[1] = tunnelOverIpv4)],
    ['fragments', (bytes) => (bytes[1] = tunnelOverIpv4 | gsoType.udp)],
    ['no checksum', (bytes) => (bytes[0] = 0)],
    ['a checksum that is known to be right', (bytes) => (bytes[0] |= dataValid)],
    ['a checksum of a tunnel, and no tunnel', (bytes) => (bytes[1] = gsoType.tcp4)],
    ['the same, and nothing else', (bytes) => bytes.set([tunnelChecksum, gsoType.none])],
  ])('makes no sense with %s', (_, change) => {
    const { fault } = read(withTunnels | feature.hostUfo, change);
    expect(fault?.notNegotiated).toBe(false);
  });

  it('leaves the flag of the checksum alone where it was not negotiated', () => {
    const { frame, fault } = read(base | hostTunnel, (bytes) => (bytes[1] = gsoType.tcp4));
    expect(fault).toBeUndefined();
    expect(frame).toMatchObject({ tunnel: 0, tunnelChecksum: false });
  });
});

describe('a card', () => {
  const plain = 12;
  const parts = () => runningCard({}, { features: runningCard().driver.pci.features | allTunnels });
  const description = ({ tunnel, tunnelChecksum: checksum, outerTransport, innerNetwork, gso, gsoSize }: Frame) => ({
    ...{ tunnel, tunnelChecksum: checksum, outerTransport, innerNetwork, gso, gsoSize },
  });

  it('sends a large packet in a tunnel as its header says', () => {
    const { driver, wire, faults } = parts();
    const source = tunnelled(6);
    const format = header(withTunnels);
    format.write(source, 0);
    driver.queueBytes(1, Uint8Array.from([...format.received, ...source.toBytes()]), [24]);
    driver.pci.kick(1);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([source.toBytes()]);
    expect(description(wire.described[0])).toEqual(description(source));
    expect(faults).toEqual([]);
  });

  it('receives one with all that its driver needs to know', () => {
    const { card, driver } = parts();
    driver.giveBuffers(0, [5000]);
    const source = tunnelled(4);
    card.send(source, 0);
    card.flush();
    const [packet] = driver.receive(0);
    // The driver of the tests takes the first 12 bytes for the header; this one has 24.
    const rest = packet.frame;
    const format = header(withTunnels);
    format.write(source, 1);
    expect([...packet.header, ...rest.subarray(0, 24 - plain)]).toEqual([...format.received]);
    expect(rest.subarray(24 - plain)).toEqual(source.toBytes());
  });
});

describe('the offloads of tunnels', () => {
  it('are turned off and on by bits of their own (5.1.6.5.8)', () => {
    const features = runningCard().driver.pci.features | allTunnels;
    const { card, driver, faults } = runningCard({}, { features });
    const set = (bits: bigint): number | undefined =>
      driver.command(
        5,
        0,
        Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n)),
      );
    const tcp = feature.guestChecksum | feature.guestTso4 | feature.guestTso6;
    expect(card.offloads & (offload.tunnel | offload.tunnelChecksum)).toBe(offload.tunnel | offload.tunnelChecksum);
    expect(set(tcp)).toBe(0);
    expect(card.offloads).toBe(offload.checksum | offload.tcp4 | offload.tcp6);
    expect(set(tcp | bit(46n))).toBe(0);
    expect(card.offloads).toBe(offload.checksum | offload.tcp4 | offload.tcp6 | offload.tunnel);
    expect(set(tcp | bit(46n) | bit(47n))).toBe(0);
    expect(card.offloads & offload.tunnelChecksum).toBe(offload.tunnelChecksum);
    expect(faults).toEqual([]);
  });
});
