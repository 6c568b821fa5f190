import { describe, expect, it } from 'vitest';

import {
  addStatus,
  everythingBut,
  gso,
  headerFlag,
  NetDriver,
  openModern,
  readNetConfig,
  reset,
  setUpQueue,
  status,
  type FeatureName,
  type PacketHeader,
} from '../../../src/driver/index.js';
import type { StatementId } from '../../../src/lab/checker/index.js';
import { buildPacket, buildTunnelled, tunnels, type BuiltPacket, type Packet } from '../../support/packets.js';
import { broken, describeWrongDrivers, looks, watched, withQueue, type Watched, type WrongDriver } from './watched.js';

const { needsChecksum, dataValid, rscInfo } = headerFlag;
const payload = new Uint8Array(3000);

/** A driver that sends this packet, whose header says this, on the first pair. */
async function sends(
  { target }: Watched,
  frame: Uint8Array,
  header: Partial<PacketHeader> = {},
  ...except: readonly FeatureName[]
): Promise<void> {
  const transport = await openModern(target.machine);
  const driver = await NetDriver.start(transport, { accept: everythingBut(...except), queueSize: 16 });
  await driver.send(0, [frame], { header });
}

const packet = (version: 4 | 6, transport: Packet['transport'], flags = 0x10): BuiltPacket =>
  buildPacket({ version, transport, payload, flags });

/** What a right header says of a packet that is to be cut. */
const asked = (
  { checksumStart, checksumOffset, payloadStart }: BuiltPacket,
  gsoType: number,
): Partial<PacketHeader> => ({
  ...{ flags: needsChecksum, gsoType, gsoSize: 1000, headerLength: payloadStart, checksumStart, checksumOffset },
});

/** A driver that sends a packet to be cut, whose header is right but for these fields. */
function cuts(
  breaks: readonly [StatementId, ...StatementId[]],
  does: string,
  built: BuiltPacket,
  gsoType: number,
  wrong: Partial<PacketHeader>,
  ...except: readonly FeatureName[]
): WrongDriver {
  return {
    breaks,
    does,
    run: (watched) => sends(watched, built.bytes, { ...asked(built, gsoType), ...wrong }, ...except),
  };
}

const small = new Uint8Array(60);

describe('a driver that sends packets wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['net-dri-003'],
      does: 'has never read the address of the card',
      async run(watched) {
        const { transport, ring } = await withQueue(watched, 1);
        await addStatus(transport, status.driverOk);
        const address = await transport.memory.store(new Uint8Array(72));
        await ring.add([{ address, length: 72, writable: false }]);
        await ring.publish();
        await transport.notify(1, ring);
      },
    },
    {
      breaks: ['net-dri-008'],
      does: 'sends more than mtu allows',
      card: { mtu: 1400 },
      run: (watched) => sends(watched, new Uint8Array(14 + 1401)),
    },
    {
      breaks: ['net-dri-014'],
      does: 'sends less than a header',
      async run(watched) {
        const { transport, ring, features: accepted } = await withQueue(watched, 1);
        await readNetConfig(transport, accepted);
        await addStatus(transport, status.driverOk);
        const address = await transport.memory.store(new Uint8Array(5));
        await ring.add([{ address, length: 5, writable: false }]);
        await ring.publish();
        await transport.notify(1, ring);
      },
    },
    { breaks: ['net-dri-015'], does: 'counts buffers', run: (watched) => sends(watched, small, { numBuffers: 1 }) },
    {
      breaks: ['net-dri-016'],
      does: 'leaves a checksum to a device that fills in none',
      run: (watched) => sends(watched, small, { flags: needsChecksum }, 'VIRTIO_NET_F_CSUM'),
    },
    cuts(
      ['net-dri-017'],
      'leaves TCPv4 to a device that cuts none',
      packet(4, 'tcp'),
      gso.tcp4,
      {},
      'VIRTIO_NET_F_HOST_TSO4',
    ),
    cuts(
      ['net-dri-018'],
      'leaves TCPv6 to a device that cuts none',
      packet(6, 'tcp'),
      gso.tcp6,
      {},
      'VIRTIO_NET_F_HOST_TSO6',
    ),
    cuts(
      ['net-dri-019'],
      'leaves UDP to a device that cuts none',
      packet(4, 'udp'),
      gso.udp,
      {},
      'VIRTIO_NET_F_HOST_UFO',
    ),
    cuts(
      ['net-dri-020'],
      'leaves UDP to a device that does not segment it',
      packet(4, 'udp'),
      gso.udpL4,
      {},
      'VIRTIO_NET_F_HOST_USO',
    ),
    cuts(['net-dri-021'], 'does not tell of congestion notification', packet(4, 'tcp', 0x90), gso.tcp4, {}),
    {
      breaks: ['net-dri-031'],
      does: 'leaves a checksum to the device and another sum in its place',
      async run(watched) {
        const built = buildPacket({ version: 4, transport: 'udp', payload: payload.subarray(0, 100) });
        built.bytes[built.checksumStart + 6] ^= 1;
        const { checksumStart, checksumOffset } = built;
        await sends(watched, built.bytes, { flags: needsChecksum, checksumStart, checksumOffset });
      },
    },
    {
      breaks: ['net-dri-031'],
      does: 'has a checksum filled in behind the packet',
      run: (watched) => sends(watched, small, { flags: needsChecksum, checksumStart: 59, checksumOffset: 6 }),
    },
    cuts(['net-dri-032'], 'has a packet cut without a checksum', packet(4, 'tcp'), gso.tcp4, { flags: 0 }),
    cuts(['net-dri-032'], 'does not say how long segments are', packet(6, 'tcp'), gso.tcp6, { gsoSize: 0 }),
    cuts(['net-dri-033'], 'says that headers are longer than they are', packet(4, 'tcp'), gso.tcp4, {
      headerLength: 60,
    }),
    {
      breaks: ['net-dri-042'],
      does: 'sets VIRTIO_NET_HDR_F_DATA_VALID',
      run: (watched) => sends(watched, small, { flags: dataValid }),
    },
    {
      breaks: ['net-dri-042'],
      does: 'sets VIRTIO_NET_HDR_F_RSC_INFO',
      run: (watched) => sends(watched, small, { flags: rscInfo }),
    },
  ]);
});

/** Fields of a header of 24 bytes, as its first 12 and its last 4 have them. */
interface TunnelHeader {
  readonly flags: number;
  readonly gsoType: number;
  readonly outerTransport: number;
  readonly innerNetwork: number;
}

const tunnel = { 4: 0x20, 6: 0x40 } as const;
const tunnelChecksum = 8;
const host = 1n << 67n;
const hostChecksum = 1n << 68n;

/** A driver that accepts these features for tunnels, and sends a packet in one, with a header that is right but for this. */
async function sendsThrough(
  { target }: Watched,
  built: BuiltPacket,
  accepted: bigint,
  wrong: Partial<TunnelHeader>,
): Promise<void> {
  const transport = await openModern(target.machine);
  await reset(transport);
  await addStatus(transport, status.acknowledge);
  await addStatus(transport, status.driver);
  const plain = everythingBut('VIRTIO_F_RING_PACKED')(await transport.offered());
  await transport.offeredWord(2);
  await transport.accept(plain);
  await transport.acceptWord(2, Number(accepted >> 64n));
  await addStatus(transport, status.featuresOk);
  await readNetConfig(transport, plain);
  const ring = await setUpQueue(transport, plain, 1, { size: 16 });
  await addStatus(transport, status.driverOk);
  const inside = built.tunnelled!.tunnel as 4 | 6;
  const right: TunnelHeader = {
    flags: needsChecksum | (built.tunnelled!.tunnelChecksum ? tunnelChecksum : 0),
    gsoType: (inside === 4 ? gso.tcp4 : gso.tcp6) | tunnel[inside],
    outerTransport: built.tunnelled!.outerTransport,
    innerNetwork: built.tunnelled!.innerNetwork,
  };
  const { flags, gsoType, outerTransport, innerNetwork } = { ...right, ...wrong };
  const bytes = new Uint8Array((accepted === 0n ? 20 : 24) + built.bytes.length);
  const fields = new DataView(bytes.buffer);
  bytes.set(built.bytes, bytes.length - built.bytes.length);
  bytes.set([flags, gsoType]);
  [built.payloadStart, 1000, built.checksumStart, built.checksumOffset].forEach((value, i) => {
    fields.setUint16(2 + 2 * i, value, true);
  });
  if (accepted !== 0n) {
    fields.setUint16(20, outerTransport, true);
    fields.setUint16(22, innerNetwork, true);
  }
  const address = await transport.memory.store(bytes);
  await ring.add([{ address, length: bytes.length, writable: false }]);
  await ring.publish();
  await transport.notify(1, ring);
}

const tunnelled = (version: 4 | 6, checksum = false): BuiltPacket =>
  buildTunnelled(
    { version, transport: 'tcp', payload },
    { version: 4, port: tunnels.vxlan.port, header: tunnels.vxlan.header, checksum },
  );

/** A driver that sends a packet in a tunnel, whose header is right but for these fields. */
function through(
  breaks: readonly [StatementId, ...StatementId[]],
  does: string,
  wrong: Partial<TunnelHeader>,
  { built = tunnelled(4), accepted = host | hostChecksum }: { built?: BuiltPacket; accepted?: bigint } = {},
): WrongDriver {
  return { breaks, does, run: (watched) => sendsThrough(watched, built, accepted, wrong) };
}

describe('a driver that sends packets in tunnels wrongly', () => {
  const spoilt = tunnelled(4, true);
  spoilt.bytes[spoilt.tunnelled!.outerTransport + 6] ^= 1;

  describeWrongDrivers([
    through(['net-dri-022', 'net-dri-039'], 'uses a tunnel without the feature', {}, { accepted: 0n }),
    through(['net-dri-023'], 'says IPv6 of IPv4', { gsoType: gso.tcp4 | tunnel[6] }),
    through(['net-dri-024'], 'says IPv4 of IPv6', { gsoType: gso.tcp6 | tunnel[4] }, { built: tunnelled(6) }),
    through(
      ['net-dri-025', 'net-dri-026', 'net-dri-040'],
      'leaves the outer checksum to a device that fills in none',
      {},
      { built: tunnelled(4, true), accepted: host },
    ),
    through(['net-dri-027'], 'has UDP in a tunnel fragmented', { gsoType: gso.udp | tunnel[4] }),
    through(['net-dri-028'], 'says both of IPv4', { gsoType: gso.tcp4 | tunnel[4] | tunnel[6] }),
    through(['net-dri-029'], 'asks for the checksum of a tunnel, and names none', {
      flags: needsChecksum | tunnelChecksum,
      gsoType: gso.tcp4,
    }),
    through(['net-dri-035'], 'does not say where the headers are', { outerTransport: 0, innerNetwork: 0 }),
    through(['net-dri-036'], 'has another sum in the place of the outer checksum', {}, { built: spoilt }),
    through(['net-dri-042', 'net-dri-043'], 'says that a checksum in a tunnel is valid', {
      flags: needsChecksum | dataValid,
    }),
  ]);
});

describe('a driver that sends packets in tunnels rightly', () => {
  it.each([4, 6] as const)('breaks no statement: IPv%i', async (version) => {
    for (const checksum of [false, true]) {
      const one = watched();
      await sendsThrough(one, tunnelled(version, checksum), host | hostChecksum, {});
      expect(broken(one)).toEqual([]);
      expect(looks(one, 'net-dri-035')).toBe(1);
    }
  });

  it('breaks none with what it leaves to the device otherwise', async () => {
    for (const version of [4, 6] as const) {
      for (const [transport, kind] of [
        ['tcp', version === 4 ? gso.tcp4 : gso.tcp6],
        ['udp', gso.udp],
        ['udp', gso.udpL4],
      ] as const) {
        const one = watched();
        const built = packet(version, transport);
        await sends(one, built.bytes, asked(built, kind));
        expect(broken(one)).toEqual([]);
        expect(looks(one, 'net-dri-033')).toBe(1);
      }
    }
    const one = watched();
    await sends(one, packet(4, 'tcp', 0x90).bytes, asked(packet(4, 'tcp', 0x90), gso.tcp4 | gso.ecn));
    expect(broken(one)).toEqual([]);
    expect(looks(one, 'net-dri-021')).toBe(1);
  });
});
