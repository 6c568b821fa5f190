import { gso, headerFlag, type FeatureName, type NetDriver, type Packet } from '../../../driver/index.js';
import type { Offload, WireFrame } from '../../targets/target.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { contents, packet, pattern, summed, tcpFlag, unsummed, type Shape, type TestPacket } from '../packets.js';
import { give, inbound, receivedUntilMarker, startWith } from '../traffic.js';

const section = '5.1.6.4.1';
const payloadBytes = 5000;
const segmentBytes = 1000;

/** Kinds of packets that are larger than those on a wire: each has a feature, and a value of gso_type. */
const kinds = {
  tcp4: { feature: 'VIRTIO_NET_F_GUEST_TSO4', gsoType: gso.tcp4, shape: { version: 4, transport: 'tcp' } },
  tcp6: { feature: 'VIRTIO_NET_F_GUEST_TSO6', gsoType: gso.tcp6, shape: { version: 6, transport: 'tcp' } },
  udp: { feature: 'VIRTIO_NET_F_GUEST_UFO', gsoType: gso.udp, shape: { version: 4, transport: 'udp' } },
  udp4: { feature: 'VIRTIO_NET_F_GUEST_USO4', gsoType: gso.udpL4, shape: { version: 4, transport: 'udp' } },
  udp6: { feature: 'VIRTIO_NET_F_GUEST_USO6', gsoType: gso.udpL4, shape: { version: 6, transport: 'udp' } },
} as const satisfies Readonly<Record<string, Kind>>;

interface Kind {
  readonly feature: FeatureName;
  readonly gsoType: number;
  readonly shape: Pick<Shape, 'version' | 'transport'>;
}

const base = ['VIRTIO_NET_F_MRG_RXBUF', 'VIRTIO_NET_F_GUEST_CSUM'] as const satisfies readonly FeatureName[];
const allKinds: readonly Kind[] = Object.values(kinds);

/** What is left to the driver of packets that it receives, and what must not be (virtio 5.1.6.4). */
export const netReceiveOffloadCases: readonly Case[] = [
  {
    id: 'net-receive-without-guest-checksum',
    statements: ['net-dev-029'],
    section,
    expects: 'without VIRTIO_NET_F_GUEST_CSUM flags is 0, and the checksum of the packet is complete',
    async run(bench) {
      const driver = await startWith(bench, []);
      const complete = packet({ ...inbound(driver), payload: pattern(300) });
      await bench.wire.send(complete.bytes);
      const left = bench.wire.sendOffloaded ? 'left to the receiver, and ' : '';
      if (left) await give(bench, partial(driver, { payload: pattern(301) }));
      const packets = await receivedUntilMarker(bench, driver);
      const checksums = packets.map(({ frame }) => contents(frame)?.checksum);
      const flags = packets.map(({ header }) => header.flags);
      return claim(
        packets.length === (left ? 2 : 1) &&
          flags.every((each) => each === 0) &&
          checksums.every((each) => each === 'right'),
        `packets with a checksum ${left}complete: flags ${flags.join(', ')}, checksums ${checksums.join(', ')}`,
      );
    },
  },
  withheld('net-receive-without-tso4', 'net-dev-030', ['tcp4']),
  withheld('net-receive-without-ufo', 'net-dev-031', ['udp']),
  withheld('net-receive-without-tso6', 'net-dev-032', ['tcp6']),
  withheld('net-receive-without-uso', 'net-dev-033', ['udp4', 'udp6']),
  {
    id: 'net-receive-ecn',
    statements: ['net-dev-036'],
    section,
    expects:
      'large TCP packets with congestion bits have VIRTIO_NET_HDR_GSO_ECN, and come only with VIRTIO_NET_F_GUEST_ECN',
    needs: [...base, 'VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_ECN'],
    async run(bench) {
      const types = async (names: readonly FeatureName[]): Promise<number[]> => {
        const driver = await startWith(bench, [...base, 'VIRTIO_NET_F_GUEST_TSO4', ...names]);
        const shape = {
          ...kinds.tcp4.shape,
          payload: pattern(payloadBytes),
          tcpFlags: tcpFlag.ack | tcpFlag.cwr | tcpFlag.ece,
        };
        await give(bench, large(driver, kinds.tcp4, { shape, ecn: true }));
        const packets = await receivedUntilMarker(bench, driver);
        if (payloadOf(packets) !== payloadBytes) return [];
        return packets.map(({ header }) => header.gsoType);
      };
      const [withEcn, without] = [await types(['VIRTIO_NET_F_GUEST_ECN']), await types([])];
      const marked = withEcn.length > 0 && withEcn.filter((type) => type !== gso.none).every((type) => type & gso.ecn);
      return claim(
        marked && without.length > 0 && without.every((type) => type === gso.none),
        `gso_type with VIRTIO_NET_F_GUEST_ECN: ${withEcn.join(', ')}; without: ${without.join(', ')}`,
      );
    },
  },
  {
    id: 'net-receive-needs-checksum',
    statements: ['net-dev-038'],
    section,
    expects:
      'with NEEDS_CSUM the field holds the sum of the pseudo header, and csum_start and csum_offset lead to the checksum',
    needs: base,
    async run(bench) {
      const driver = await startWith(bench, base);
      const shapes: readonly Partial<Shape>[] = [
        {},
        { transport: 'tcp' },
        { version: 6 },
        { version: 6, transport: 'tcp' },
      ];
      await give(bench, ...shapes.map((shape) => partial(driver, { ...shape, payload: pattern(333) })));
      const packets = await receivedUntilMarker(bench, driver);
      const asking = packets.filter(({ header }) => header.flags & headerFlag.needsChecksum);
      if (asking.length === 0) throw new Skipped('the card left no checksum to the driver');
      const seen = asking.map(({ frame, header: { checksumStart, checksumOffset } }) => {
        const after = contents(summed(frame, checksumStart, checksumOffset))?.checksum;
        return { checksumStart, checksumOffset, before: contents(frame)?.checksum, after };
      });
      return claim(
        packets.length === shapes.length &&
          seen.every(({ before, after }) => before === 'partial' && after === 'right'),
        seen
          .map((one) => `at ${one.checksumStart}+${one.checksumOffset}: ${one.before ?? ''}, then ${one.after ?? ''}`)
          .join('; '),
      );
    },
  },
  {
    id: 'net-receive-wrong-checksum',
    statements: ['net-dev-038', 'net-dev-045'],
    section,
    expects: 'a packet with a wrong checksum has neither NEEDS_CSUM nor DATA_VALID',
    needs: ['VIRTIO_NET_F_GUEST_CSUM'],
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_GUEST_CSUM']);
      const shapes: readonly Partial<Shape>[] = [
        {},
        { transport: 'tcp' },
        { version: 6 },
        { version: 6, transport: 'tcp' },
      ];
      const sent = shapes.map((shape) => packet({ ...inbound(driver), payload: pattern(200), ...shape }).bytes);
      const wrong = sent.map((bytes) => bytes.map((byte, at) => (at === bytes.length - 9 ? byte ^ 0x55 : byte)));
      await bench.wire.send(...sent);
      const before = await receivedUntilMarker(bench, driver);
      await bench.wire.send(...wrong);
      const after = await receivedUntilMarker(bench, driver);
      const flags = (packets: readonly Packet[]): string => packets.map(({ header }) => header.flags).join(', ');
      const vouching = headerFlag.needsChecksum | headerFlag.dataValid;
      // A card may also drop what is wrong; the right ones show that such packets come as far as the driver.
      return claim(
        before.length === sent.length && after.every(({ header }) => (header.flags & vouching) === 0),
        `flags of ${before.length} packets with a right checksum: ${flags(before)}; of ${after.length} with a wrong one: ${flags(after)}`,
      );
    },
  },
  {
    id: 'net-receive-no-gso',
    statements: ['net-dev-040'],
    section,
    expects: 'without any of the features for large packets gso_type is VIRTIO_NET_HDR_GSO_NONE',
    needs: base,
    async run(bench) {
      const driver = await startWith(bench, base);
      const types: number[] = [];
      for (const kind of allKinds) {
        await give(bench, large(driver, kind));
        types.push(...(await receivedUntilMarker(bench, driver)).map(({ header }) => header.gsoType));
      }
      return claim(
        types.length > allKinds.length && types.every((type) => type === gso.none),
        `${allKinds.length} large packets came as ${types.length}, with gso_type ${[...new Set(types)].join(', ')}`,
      );
    },
  },
  headerOf({
    id: 'net-receive-gso-header',
    statements: ['net-dev-041'],
    expects: 'a large packet has NEEDS_CSUM, and its gso_size is the size of the segments it stands for',
    check: ({ header }) => ({
      right: (header.flags & headerFlag.needsChecksum) !== 0 && header.gsoSize === segmentBytes,
      seen: `flags ${header.flags}, gso_size ${header.gsoSize}`,
    }),
  }),
  {
    id: 'net-receive-rsc-info',
    statements: ['net-dev-042'],
    section,
    expects:
      'with VIRTIO_NET_F_RSC_EXT a large packet tells of how many segments it is, and of how many duplicated ACKs',
    card: { offer: { VIRTIO_NET_F_RSC_EXT: true } },
    needs: [...base, 'VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_RSC_EXT'],
    async run(bench) {
      const needed = ['VIRTIO_NET_F_CSUM', 'VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_RSC_EXT'] as const;
      const driver = await startWith(bench, [...base, 'VIRTIO_NET_F_GUEST_TSO4', ...needed]);
      await give(bench, large(driver, kinds.tcp4));
      const [{ flags, gsoType, checksumStart, checksumOffset }] = (await driver.packets(1)).map(({ header }) => header);
      if (gsoType === gso.none) throw new Skipped('the card cuts large packets');
      return claim(
        (flags & headerFlag.rscInfo) !== 0 && checksumStart === payloadBytes / segmentBytes && checksumOffset === 0,
        `${payloadBytes} bytes in segments of ${segmentBytes}: flags ${flags}, csum_start ${checksumStart}, csum_offset ${checksumOffset}`,
      );
    },
  },
  headerOf({
    id: 'net-receive-no-rsc-info',
    statements: ['net-dev-043'],
    expects: 'without VIRTIO_NET_F_RSC_EXT the flag VIRTIO_NET_HDR_F_RSC_INFO is not set',
    check: ({ header }) => ({ right: (header.flags & headerFlag.rscInfo) === 0, seen: `flags ${header.flags}` }),
  }),
  headerOf({
    id: 'net-receive-header-length',
    statements: ['net-dev-044'],
    expects: 'hdr_len of a large packet is not less than its headers, that of TCP or UDP included',
    check: ({ header, frame }) => {
      const { payloadStart } = contents(frame) ?? { payloadStart: Infinity };
      return { right: header.headerLength >= payloadStart, seen: `hdr_len ${header.headerLength} for ${payloadStart}` };
    },
  }),
  {
    id: 'net-receive-no-ipsec',
    statements: ['net-dev-050', 'net-dev-053'],
    section,
    expects: 'packets that no IPsec has worked on have neither VIRTIO_NET_HDR_F_SECURITY nor its error bit',
    needs: ['VIRTIO_NET_F_GUEST_CSUM'],
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_GUEST_CSUM']);
      await bench.wire.send(packet({ ...inbound(driver), payload: pattern(200) }).bytes);
      if (bench.wire.sendOffloaded) await give(bench, partial(driver, { payload: pattern(201) }));
      const flags = (await receivedUntilMarker(bench, driver)).map(({ header }) => header.flags);
      const ipsec = headerFlag.security | headerFlag.securityError;
      return claim(flags.length > 0 && flags.every((each) => (each & ipsec) === 0), `flags ${flags.join(', ')}`);
    },
  },
];

/** A packet for the card whose checksum is left to the receiver. */
function partial(driver: NetDriver, shape: Omit<Shape, 'to' | 'from'>): WireFrame {
  const made = unsummed({ ...inbound(driver), ...shape });
  return { bytes: made.bytes, offload: offloadOf(made) };
}

/** A packet for the card that stands for several on the wire. */
function large(
  driver: NetDriver,
  { gsoType, shape }: Kind,
  options: { shape?: Omit<Shape, 'to' | 'from'>; ecn?: boolean } = {},
): WireFrame {
  const made = unsummed({ ...inbound(driver), payload: pattern(payloadBytes), ...shape, ...options.shape });
  const { ecn = false } = options;
  return { bytes: made.bytes, offload: { ...offloadOf(made), gsoType, gsoSize: segmentBytes, ecn } };
}

function offloadOf({ checksumStart, checksumOffset }: TestPacket): Offload {
  return { needsChecksum: true, checksumStart, checksumOffset, gsoType: gso.none, gsoSize: 0, ecn: false };
}

function payloadOf(packets: readonly Packet[]): number {
  return packets.reduce((sum, { frame }) => sum + (contents(frame)?.payload.length ?? 0), 0);
}

/** Large packets of these kinds come with their features only, whatever other features for large packets there are. */
function withheld(id: string, statement: string, names: readonly (keyof typeof kinds)[]): Case {
  const chosen: readonly Kind[] = names.map((name) => kinds[name]);
  const own = chosen.map(({ feature }) => feature);
  const others = allKinds.map(({ feature }) => feature).filter((feature) => !own.includes(feature));
  const { gsoType } = chosen[0];
  return {
    id,
    statements: [statement],
    section,
    expects: `without ${own.join(' and ')} no packet has gso_type ${gsoType}`,
    needs: [...base, ...own],
    async run(bench) {
      const types = async (names: readonly FeatureName[]): Promise<number[]> => {
        const driver = await startWith(bench, [...base, ...names]);
        const seen: number[] = [];
        for (const kind of chosen) {
          await give(bench, large(driver, kind));
          seen.push(...(await receivedUntilMarker(bench, driver)).map(({ header }) => header.gsoType));
        }
        return seen;
      };
      const before = await types(own);
      if (!before.includes(gsoType)) throw new Skipped('the card never has such packets');
      const after = await types(others);
      return claim(
        after.length > chosen.length && !after.includes(gsoType),
        `gso_type with the feature: ${before.join(', ')}; without: ${after.join(', ')}`,
      );
    },
  };
}

interface HeaderCheck extends Pick<Case, 'id' | 'statements' | 'expects'> {
  /** Of a packet whose gso_type is not VIRTIO_NET_HDR_GSO_NONE. */
  readonly check: (packet: Packet) => { right: boolean; seen: string };
}

/** What the header of every large packet has to be like. */
function headerOf({ check, ...rest }: HeaderCheck): Case {
  return {
    ...rest,
    section,
    needs: [...base, 'VIRTIO_NET_F_GUEST_TSO4'],
    async run(bench) {
      const driver = await startWith(bench, [...base, ...allKinds.map(({ feature }) => feature)]);
      const packets = await largePackets(bench, driver);
      const results = packets.map((one) => ({ ...check(one), type: one.header.gsoType }));
      return claim(
        results.every(({ right }) => right),
        results.map(({ type, seen }) => `gso_type ${type}: ${seen}`).join('; '),
      );
    },
  };
}

/** One of every kind that the driver takes as it is. */
async function largePackets(bench: Bench, driver: NetDriver): Promise<Packet[]> {
  const accepted = allKinds.filter(({ feature }) => driver.has(feature));
  await give(bench, ...accepted.map((kind) => large(driver, kind)));
  const packets = await receivedUntilMarker(bench, driver);
  const whole = packets.filter(({ header }) => header.gsoType !== gso.none);
  if (whole.length === 0) throw new Skipped('the card cuts large packets');
  return whole;
}
