import { gso, headerFlag, type FeatureName, type NetDriver, type Packet } from '../../../driver/index.js';
import type { WireFrame } from '../../targets/target.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { contents, pattern, tunnelled, unsummed, type TunnelledPacket } from '../packets.js';
import { give, inbound, receivedUntilMarker, startWith } from '../traffic.js';

const section = '5.1.6.4.1';
const payloadBytes = 5000;
const segmentBytes = 1000;
const tunnelBits = gso.tunnel4 | gso.tunnel6;

/** All that segments in UDP tunnels build on. */
const base = [
  'VIRTIO_NET_F_MRG_RXBUF',
  'VIRTIO_NET_F_GUEST_CSUM',
  'VIRTIO_NET_F_GUEST_TSO4',
  'VIRTIO_NET_F_GUEST_TSO6',
  'VIRTIO_NET_F_GUEST_USO4',
  'VIRTIO_NET_F_GUEST_USO6',
] as const satisfies readonly FeatureName[];
const segments = [...base, 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO'] as const;
const checksums = [...segments, 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM'] as const;

/** The version of IP in the tunnel, and what the checksum of the tunnel's own UDP is. */
interface Kind {
  readonly version: 4 | 6;
  readonly outer: 'none' | 'partial';
}
const plainKinds: readonly Kind[] = [
  { version: 4, outer: 'none' },
  { version: 6, outer: 'none' },
];
const partialKinds: readonly Kind[] = [
  { version: 4, outer: 'partial' },
  { version: 6, outer: 'partial' },
];
const allKinds = [...plainKinds, ...partialKinds];

/** Large packets in UDP tunnels that the driver receives (virtio 5.1.6.4). */
export const netReceiveTunnelCases: readonly Case[] = [
  {
    id: 'net-receive-without-tunnels',
    statements: ['net-dev-034', 'net-dev-038'],
    section,
    expects:
      'without VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO no packet has a bit for UDP tunnels in gso_type, or is to be cut in one',
    needs: segments,
    async run(bench) {
      const before = await received(bench, segments, plainKinds);
      if (!before.some(inTunnel)) throw new Skipped('the card never has such packets');
      const after = await received(bench, base, plainKinds);
      const whole = after.map(({ frame }) => contents(frame)?.payload.length ?? 0);
      return claim(
        after.length > plainKinds.length && after.every(({ header }) => header.gsoType === gso.none),
        `gso_type with the feature: ${types(before)}; without: ${types(after)}, of ${Math.max(...whole)} bytes at most`,
      );
    },
  },
  {
    id: 'net-receive-tunnel-header',
    statements: ['net-dev-038'],
    section,
    expects:
      'gso_type tells the version of IP in a tunnel, and outer_th_offset and inner_nh_offset where the headers are',
    needs: segments,
    async run(bench) {
      const driver = await startWith(bench, segments);
      const made = plainKinds.map((kind) => packetOf(driver, kind));
      const packets = (await receivedOf(bench, driver, plainKinds)).filter(({ header }) => header.gsoType !== gso.none);
      if (packets.length === 0) throw new Skipped('the card cuts what is in tunnels');
      const right =
        packets.length === made.length &&
        packets.every(({ header, frame }, i) => {
          const bit = plainKinds[i].version === 4 ? gso.tunnel4 : gso.tunnel6;
          const places =
            header.outerTransport === made[i].outerTransport && header.innerNetwork === made[i].networkStart;
          const needsOuter = header.flags & headerFlag.tunnelChecksum || contents(frame)?.checksum === 'partial';
          return (header.gsoType & tunnelBits) === bit && places && !needsOuter;
        });
      const seen = packets.map(
        ({ header: { gsoType, outerTransport, innerNetwork } }) =>
          `gso_type 0x${gsoType.toString(16)}, outer_th_offset ${outerTransport}, inner_nh_offset ${innerNetwork}`,
      );
      return claim(right, seen.join('; '));
    },
  },
  {
    id: 'net-receive-without-tunnel-checksum',
    statements: ['net-dev-035', 'net-dev-039'],
    section,
    expects:
      'without VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM the checksum of a tunnel itself is never left to the driver',
    needs: checksums,
    async run(bench) {
      const before = await received(bench, checksums, partialKinds);
      const leaves = before.some(({ header }) => header.flags & headerFlag.tunnelChecksum);
      if (!leaves) throw new Skipped('the card never leaves the checksum of a tunnel to the driver');
      const after = await received(bench, segments, partialKinds);
      const outer = after.map(({ frame }) => contents(frame)?.checksum);
      return claim(
        after.length > 0 &&
          after.every(({ header }) => (header.flags & headerFlag.tunnelChecksum) === 0) &&
          outer.every((checksum) => checksum === 'right' || checksum === 'none'),
        `flags with the feature: ${flags(before)}; without: ${flags(after)}, with outer checksums that are ${outer.join(', ')}`,
      );
    },
  },
  {
    id: 'net-receive-tunnel-data-valid',
    statements: ['net-dev-046'],
    section,
    expects: 'a packet with a bit for UDP tunnels in gso_type does not have VIRTIO_NET_HDR_F_DATA_VALID',
    needs: checksums,
    async run(bench) {
      const packets = (await received(bench, checksums, allKinds)).filter(inTunnel);
      if (packets.length === 0) throw new Skipped('the card cuts what is in tunnels');
      return claim(
        packets.every(({ header }) => (header.flags & headerFlag.dataValid) === 0),
        `gso_type ${types(packets)} with flags ${flags(packets)}`,
      );
    },
  },
  outerChecksum({
    id: 'net-receive-tunnel-checksum',
    statements: ['net-dev-047'],
    expects: 'with VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM the checksum of the tunnel is the sum of its pseudo header',
    flag: true,
    allowed: ['partial'],
  }),
  outerChecksum({
    id: 'net-receive-tunnel-without-checksum',
    statements: ['net-dev-048'],
    expects: 'without VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM the checksum of the tunnel is 0 or complete',
    flag: false,
    allowed: ['none', 'right'],
  }),
];

interface OuterChecksum extends Pick<Case, 'id' | 'statements' | 'expects'> {
  /** Whether it is about packets with VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM, or without. */
  readonly flag: boolean;
  readonly allowed: readonly string[];
}

function outerChecksum({ flag, allowed, ...rest }: OuterChecksum): Case {
  return {
    ...rest,
    section,
    needs: checksums,
    async run(bench) {
      const packets = (await received(bench, checksums, allKinds)).filter(
        (one) => inTunnel(one) && ((one.header.flags & headerFlag.tunnelChecksum) !== 0) === flag,
      );
      if (packets.length === 0) throw new Skipped('the card has no such packets');
      const outer = packets.map(({ frame }) => contents(frame)?.checksum ?? 'gone');
      return claim(
        outer.every((checksum) => allowed.includes(checksum)),
        `flags ${flags(packets)} with outer checksums that are ${outer.join(', ')}`,
      );
    },
  };
}

const inTunnel = ({ header }: Packet): boolean => (header.gsoType & tunnelBits) !== 0;
const types = (packets: readonly Packet[]): string =>
  packets.map(({ header }) => `0x${header.gsoType.toString(16)}`).join(', ');
const flags = (packets: readonly Packet[]): string => packets.map(({ header }) => header.flags).join(', ');

/** What a driver with these features gets when such packets are sent to it. */
async function received(bench: Bench, names: readonly FeatureName[], kinds: readonly Kind[]): Promise<Packet[]> {
  return receivedOf(bench, await startWith(bench, names), kinds);
}

async function receivedOf(bench: Bench, driver: NetDriver, kinds: readonly Kind[]): Promise<Packet[]> {
  const packets: Packet[] = [];
  for (const kind of kinds) {
    await give(bench, wireFrame(packetOf(driver, kind), kind));
    packets.push(...(await receivedUntilMarker(bench, driver)));
  }
  return packets;
}

function packetOf(driver: NetDriver, { version, outer }: Kind): TunnelledPacket {
  const between = inbound(driver);
  const inner = unsummed({ ...between, version, transport: 'tcp', payload: pattern(payloadBytes) });
  return tunnelled(inner, between, 'vxlan', outer);
}

function wireFrame(made: TunnelledPacket, { version, outer }: Kind): WireFrame {
  const { bytes, checksumStart, checksumOffset, outerTransport, networkStart: innerNetwork } = made;
  const tunnel = { version, checksum: outer === 'partial', outerTransport, innerNetwork };
  const gsoType = version === 4 ? gso.tcp4 : gso.tcp6;
  const offload = { needsChecksum: true, checksumStart, checksumOffset, gsoType, gsoSize: segmentBytes, ecn: false };
  return { bytes, offload: { ...offload, tunnel } };
}
