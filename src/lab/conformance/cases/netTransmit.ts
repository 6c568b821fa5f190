import { gso, headerFlag, type FeatureName, type NetDriver, type PacketHeader } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { contents, packet, pattern, tunnelled, unsummed, type TestPacket, type TunnelledPacket } from '../packets.js';
import { same } from '../reception.js';
import { finished, outbound, sentUntilMarker, startWith } from '../traffic.js';
import { hex } from '../../hex.js';

const section = '5.1.6.2.2';
const outOfReach = 0xffff;
const hostTunnels = [
  'VIRTIO_NET_F_CSUM',
  'VIRTIO_NET_F_HOST_TSO4',
  'VIRTIO_NET_F_HOST_TSO6',
  'VIRTIO_NET_F_HOST_USO',
  'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO',
] as const satisfies readonly FeatureName[];

/** Packets that the driver sends (virtio 5.1.6.2). */
export const netTransmitCases: readonly Case[] = [
  {
    id: 'net-transmit-unknown-flags',
    statements: ['net-dev-014'],
    section,
    expects: 'flags that the device does not know change nothing, whatever else is asked for',
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_CSUM']);
      // One that the specification does not have, and those of IPsec, which the driver did not accept.
      const unknown = [0x80, headerFlag.security, headerFlag.securityError, headerFlag.securityWarning];
      const seen: string[] = [];
      for (const flags of unknown) {
        const plain = packet({ ...outbound(driver), payload: pattern(100) });
        await driver.send(0, [plain.bytes], { header: { flags } });
        if (!isOnly(await sentUntilMarker(bench, driver), plain.bytes)) seen.push(hex(flags));
        if (!driver.has('VIRTIO_NET_F_CSUM')) continue;
        const asks = unsummed({ ...outbound(driver), payload: pattern(100) });
        const header = { flags: flags | headerFlag.needsChecksum, ...checksumOf(asks) };
        await driver.send(0, [asks.bytes], { header });
        const frames = await sentUntilMarker(bench, driver);
        if (
          !isOnly(
            frames.map((frame) => ({ bytes: finished(frame) })),
            plain.bytes,
          )
        )
          seen.push(hex(header.flags));
      }
      const outcome = seen.length === 0 ? 'packets went out as without' : `packets changed with ${seen.join(', ')}`;
      return claim(seen.length === 0, `flags ${unknown.map(hex).join(', ')}: ${outcome}`);
    },
  },
  {
    id: 'net-transmit-checksum-fields',
    statements: ['net-dev-015'],
    section,
    expects: 'csum_start and csum_offset mean nothing without VIRTIO_NET_HDR_F_NEEDS_CSUM',
    needs: ['VIRTIO_NET_F_CSUM'],
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_CSUM']);
      const asks = unsummed({ ...outbound(driver), payload: pattern(100) });
      await driver.send(0, [asks.bytes], { header: { flags: headerFlag.needsChecksum, ...checksumOf(asks) } });
      const [first] = await bench.fromCard(1);
      const filled = contents(finished(first))?.checksum;
      const fields = [checksumOf(asks), { checksumStart: 20, checksumOffset: 0 }, beyond];
      for (const header of fields) await driver.send(0, [asks.bytes], { header });
      const frames = await sentUntilMarker(bench, driver);
      const untouched = frames.filter((frame) => !frame.offload && same(frame.bytes, asks.bytes)).length;
      return claim(
        filled === 'right' && untouched === fields.length,
        `with the flag the checksum is ${filled ?? 'gone'}; without it ${untouched} of ${fields.length} packets went out unchanged`,
      );
    },
  },
  {
    id: 'net-transmit-header-length',
    statements: ['net-dev-017'],
    section,
    expects: 'a wrong hdr_len changes nothing of how a packet is cut',
    needs: ['VIRTIO_NET_F_HOST_TSO4'],
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_CSUM', 'VIRTIO_NET_F_HOST_TSO4']);
      const big = unsummed({ ...outbound(driver), transport: 'tcp', payload: pattern(5000) });
      const lengths = [big.payloadStart, 0, 20, big.payloadStart + 100, outOfReach];
      const seen: string[] = [];
      let right = true;
      for (const headerLength of lengths) {
        await driver.send(0, [big.bytes], { header: { ...segmented(big, gso.tcp4), headerLength } });
        const sent = await segments(bench, driver, segmentBytes);
        right &&= sent !== undefined && same(sent, pattern(5000));
        seen.push(`hdr_len ${headerLength}: ${sent ? `${sent.length} bytes of payload` : 'broken segments'}`);
      }
      return claim(right, `a packet with headers of ${big.payloadStart} bytes and 5000 of payload; ${seen.join(', ')}`);
    },
  },
  {
    id: 'net-transmit-header-length-of-plain',
    statements: ['net-dev-017'],
    section,
    expects: 'a wrong hdr_len changes nothing of a packet that is not to be cut',
    needs: ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_GUEST_HDRLEN'],
    async run(bench) {
      const driver = await startWith(bench, [
        'VIRTIO_NET_F_CSUM',
        'VIRTIO_NET_F_HOST_TSO4',
        'VIRTIO_NET_F_GUEST_HDRLEN',
      ]);
      const { bytes } = packet({ ...outbound(driver), payload: pattern(300) });
      const lengths = [0, 20, bytes.length, outOfReach];
      for (const headerLength of lengths) await driver.send(0, [bytes], { header: { headerLength } });
      const frames = await sentUntilMarker(bench, driver);
      const whole = frames.filter((frame) => same(frame.bytes, bytes)).length;
      return claim(
        whole === lengths.length && frames.length === whole,
        `hdr_len ${lengths.join(', ')}: ${whole} of ${lengths.length} packets went out as they were`,
      );
    },
  },
  refused({
    id: 'net-transmit-both-tunnels',
    statements: ['net-dev-018'],
    expects: 'a packet with both bits for UDP tunnels in gso_type is not accepted',
    wrong: [{ gsoType: gso.tcp4 | gso.tunnel4 | gso.tunnel6 }],
  }),
  {
    id: 'net-transmit-tunnel-fields',
    statements: ['net-dev-019'],
    section,
    expects: 'outer_th_offset and inner_nh_offset mean nothing without a bit for UDP tunnels in gso_type',
    needs: ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO'],
    async run(bench) {
      const driver = await startWith(bench, hostTunnels);
      const big = unsummed({ ...outbound(driver), transport: 'tcp', payload: pattern(5000) });
      const small = packet({ ...outbound(driver), payload: pattern(99) });
      const fields = [
        { outerTransport: 0, innerNetwork: 0 },
        { outerTransport: 34, innerNetwork: 50 },
        { outerTransport: outOfReach, innerNetwork: outOfReach },
      ];
      const seen: number[] = [];
      for (const header of fields) {
        await driver.send(0, [big.bytes], { header: { ...segmented(big, gso.tcp4), ...header } });
        const sent = await segments(bench, driver, segmentBytes);
        await driver.send(0, [small.bytes], { header });
        const [plain] = await sentUntilMarker(bench, driver);
        if (sent && same(sent, pattern(5000)) && same(plain.bytes, small.bytes)) seen.push(header.outerTransport);
      }
      return claim(
        seen.length === fields.length,
        `packets went out right with outer_th_offset ${seen.join(', ')} of ${fields.map((each) => each.outerTransport).join(', ')}`,
      );
    },
  },
  refused({
    id: 'net-transmit-tunnel-contradictions',
    statements: ['net-dev-020'],
    expects: 'a packet in a UDP tunnel without NEEDS_CSUM, with DATA_VALID, or of no kind is not accepted',
    wrong: [
      { flags: 0 },
      { flags: headerFlag.needsChecksum | headerFlag.dataValid },
      { gsoType: gso.none | gso.tunnel4 },
    ],
  }),
  {
    id: 'net-transmit-checksum-unknown',
    statements: ['net-dev-021'],
    section,
    expects: 'a packet without NEEDS_CSUM goes out as it is, with a wrong checksum too, and nothing is said of it',
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_CSUM']);
      const right = packet({ ...outbound(driver), payload: pattern(200) }).bytes;
      const wrong = right.slice();
      wrong[wrong.length - 1] ^= 0x55;
      await driver.send(0, [right, wrong]);
      const frames = await sentUntilMarker(bench, driver);
      const whole = frames.length === 2 && same(frames[0].bytes, right) && same(frames[1].bytes, wrong);
      const said = frames.some(({ offload }) => offload);
      return claim(
        whole && !said,
        `${frames.length} of 2 packets went out; their checksums are ${frames.map(({ bytes }) => contents(bytes)?.checksum).join(', ')}`,
      );
    },
  },
];

const isOnly = (frames: readonly { bytes: Uint8Array }[], bytes: Uint8Array): boolean =>
  frames.length === 1 && same(frames[0].bytes, bytes);

/** What the header says of a packet's checksum, and of the segments it is to be cut into. */
const checksumOf = ({ checksumStart, checksumOffset }: TestPacket) => ({ checksumStart, checksumOffset });
const segmentBytes = 1000;
const segmented = (of: TestPacket, gsoType: number) => ({
  flags: headerFlag.needsChecksum,
  gsoType,
  gsoSize: segmentBytes,
  headerLength: of.payloadStart,
  ...checksumOf(of),
});
const tunnelFields = ({ outerTransport, networkStart }: TunnelledPacket) => ({
  outerTransport,
  innerNetwork: networkStart,
});
const inTunnel = (driver: NetDriver): TunnelledPacket =>
  tunnelled(unsummed({ ...outbound(driver), transport: 'tcp', payload: pattern(5000) }), outbound(driver), 'vxlan');
const describe = ({ flags, gsoType }: Partial<PacketHeader>): string =>
  flags === undefined ? `gso_type ${hex(gsoType!)}` : `flags ${flags}`;
const beyond = { checksumStart: outOfReach, checksumOffset: outOfReach };

/**
 * The payload of all that comes out of the card, which cuts TCP into segments of this size or leaves that to the receiver;
 * undefined when a piece is not right.
 */
async function segments(bench: Bench, driver: NetDriver, size: number): Promise<Uint8Array | undefined> {
  const pieces: number[] = [];
  for (const frame of await sentUntilMarker(bench, driver)) {
    const part = contents(finished(frame));
    const { gsoType, gsoSize } = frame.offload ?? { gsoType: gso.none, gsoSize: 0 };
    const cut =
      gsoType === gso.none ? (part?.payload.length ?? 0) <= size && part?.checksum === 'right' : gsoSize === size;
    if (!part || !cut || frame.offload?.tunnel) return undefined;
    pieces.push(...part.payload);
  }
  return Uint8Array.from(pieces);
}

interface Refused extends Pick<Case, 'id' | 'statements' | 'expects'> {
  /** What is wrong, in a header that is right otherwise. */
  readonly wrong: readonly Partial<PacketHeader>[];
}

/** A packet in a UDP tunnel that is not accepted, where one with a right header is. */
function refused({ wrong, ...rest }: Refused): Case {
  return {
    ...rest,
    section,
    needs: ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO'],
    async run(bench) {
      const seen: string[] = [];
      let held = true;
      for (const header of wrong) {
        const driver = await startWith(bench, hostTunnels);
        const sent = inTunnel(driver);
        const right = { ...segmented(sent, gso.tcp4 | gso.tunnel4), ...tunnelFields(sent) };
        await driver.send(0, [sent.bytes], { header: right });
        const accepted = (await sentUntilMarker(bench, driver)).length;
        await driver.send(0, [sent.bytes], { header: { ...right, ...header } });
        await bench.quiet();
        const out = (await bench.wire.take()).length;
        held &&= accepted > 0 && out === 0;
        seen.push(`${accepted} frames of a right packet, ${out} with ${describe(header)}`);
      }
      return claim(held, seen.join('; '));
    },
  };
}
