import { expect, it } from 'vitest';

import {
  commands,
  everythingBut,
  gso,
  has,
  headerBytes,
  headerFlag,
  ModernTransport,
  NetDriver,
  netStatus,
  openModern,
  readNetConfig,
  setUpQueue,
  until,
  type FeatureName,
  type Packet,
} from '../../../src/driver/index.js';
import type { Target, WireFrame } from '../../../src/lab/targets/target.js';
import { microsoftKey, naiveHash } from '../../support/naiveHash.js';
import { receiveIp, receiveTransport } from '../../support/naiveStack.js';
import { buildPacket, plainSum, type BuiltPacket } from '../../support/packets.js';
import { expectFrames, exchange, frames, fromCard, macOf } from './script.js';

const peer = [0x02, 0, 0, 0, 0, 0x01];
const stranger = [0x02, 0, 0, 0, 0, 0x77];
const broadcast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** Something that a card can do with these features. */
interface Operation {
  readonly needs: readonly FeatureName[];
  readonly except?: readonly FeatureName[];
  run(driver: NetDriver, target: Target): Promise<void>;
}

function addressed(built: BuiltPacket, to: readonly number[], from: readonly number[]): BuiltPacket {
  built.bytes.set([...to, ...from]);
  return built;
}

/** What is in a UDP packet that needs no more work. */
function complete({ bytes, checksumStart, checksumOffset }: BuiltPacket): Uint8Array {
  const sum = 0xffff - plainSum(bytes.subarray(checksumStart));
  bytes.set([sum >>> 8, sum & 0xff], checksumStart + checksumOffset);
  return bytes;
}

/** A frame as it is when whoever receives it has filled in the checksum that the card left to it. */
function summed({ bytes, offload }: WireFrame): Uint8Array {
  if (!offload?.needsChecksum) return bytes;
  return complete({ ...offload, bytes: bytes.slice(), networkStart: 0, payloadStart: 0 });
}

/** Bytes that tell where in a payload they are. */
const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 13 + (i >>> 8)) & 0xff);

/** Datagrams of different flows to the card: the last byte of each payload is its number. */
function datagrams(driver: NetDriver, count: number): { bytes: Uint8Array; port: number }[] {
  return Array.from({ length: count }, (_, i) => {
    const port = 50100 + 7 * i;
    const built = buildPacket({ version: 4, transport: 'udp', payload: Uint8Array.of(1, 2, i), port });
    return { bytes: complete(addressed(built, macOf(driver), peer)), port };
  });
}

const sourcePort = 50001;
const addresses = { source: [10, 1, 2, 3], destination: [192, 168, 254, 77] };

/** Frames that the card is not to hand on, then one that it is; answers what the driver gets. */
async function filtered(driver: NetDriver, target: Target, unwanted: readonly Uint8Array[]): Promise<Packet[]> {
  const [last] = frames(1, macOf(driver), peer);
  await target.wire.send(...unwanted, last);
  const packets: Packet[] = [];
  return until(target.machine, 'frame for the card', async () => {
    packets.push(...(await driver.receive()));
    return packets.some(({ frame }) => Buffer.compare(frame, last) === 0) ? packets : undefined;
  });
}

const framesOf = (packets: readonly Packet[]): Uint8Array[] => packets.map(({ frame }) => frame);

export const operations = {
  'all pairs': {
    needs: ['VIRTIO_NET_F_MQ'],
    except: ['VIRTIO_NET_F_RSS', 'VIRTIO_F_RING_PACKED'],
    run: async (driver, target) => {
      expect(driver.transmitters.length).toBe(4);
      await exchange(target, driver, { name: 'all pairs', needs: [] });
    },
  },

  'all pairs, packed': {
    needs: ['VIRTIO_NET_F_MQ', 'VIRTIO_F_RING_PACKED'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      expect(driver.queues.every(({ ring }) => ring.layout === 'packed')).toBe(true);
      await exchange(target, driver, { name: 'all pairs', needs: [] });
    },
  },

  'automatic steering': {
    needs: ['VIRTIO_NET_F_MQ'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const card = macOf(driver);
      for (const pair of [3, 1, 2, 0]) {
        // A flow that the driver sends on a pair comes back on that pair (5.1.6.5.5).
        const out = { version: 4, transport: 'udp', payload: payload(9), port: 50200 + pair } as const;
        await driver.send(pair, [complete(addressed(buildPacket(out), peer, card))]);
        await driver.sent(pair);
        const [sent] = await fromCard(target, 1);
        await target.wire.send(answerTo(sent.bytes));
        expect((await driver.packets(1))[0].pair).toBe(pair);
      }
    },
  },

  RSS: {
    needs: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const udp4 = 1 << 2;
      const table = [2, 0, 3, 1, 1, 2, 0, 3];
      await driver.command(
        commands.setRss({
          hashTypes: udp4,
          indirectionTable: table,
          unclassifiedQueue: 1,
          maxTransmitQueues: 4,
          key: microsoftKey,
        }),
      );
      const given = datagrams(driver, 12);
      const seen = new Set<number>();
      for (const { bytes, port } of given) {
        const { hash } = naiveHash(microsoftKey, udp4, {
          ...addresses,
          protocol: 17,
          sourcePort,
          destinationPort: port,
        });
        await target.wire.send(bytes);
        const [packet] = await driver.packets(1);
        expect(packet.pair).toBe(table[(hash & 7) >>> 0]);
        seen.add(packet.pair);
        if (driver.has('VIRTIO_NET_F_HASH_REPORT')) {
          expect([packet.header.hashValue, packet.header.hashReport]).toEqual([hash, 3]);
        }
      }
      expect(seen.size).toBe(4);
      await target.wire.send(...frames(1, macOf(driver), peer));
      const [unclassified] = await driver.packets(1);
      expect([unclassified.pair, unclassified.header.hashReport]).toEqual([1, 0]);
    },
  },

  'hash report': {
    needs: ['VIRTIO_NET_F_HASH_REPORT'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const enabled = 1 << 0;
      await driver.command(commands.setHash(enabled, microsoftKey));
      const [{ bytes, port }] = datagrams(driver, 1);
      await target.wire.send(bytes);
      const [{ header }] = await driver.packets(1);
      const parts = { ...addresses, protocol: 17, sourcePort, destinationPort: port };
      const { hash, report } = naiveHash(microsoftKey, enabled, parts);
      expect([header.hashValue, header.hashReport]).toEqual([hash, report]);
    },
  },

  'checksum offload': {
    needs: ['VIRTIO_NET_F_CSUM'],
    run: async (driver, target) => {
      const built = addressed(
        buildPacket({ version: 6, transport: 'udp', payload: payload(999) }),
        peer,
        macOf(driver),
      );
      const { checksumStart, checksumOffset } = built;
      await driver.send(0, [built.bytes], {
        header: { flags: headerFlag.needsChecksum, checksumStart, checksumOffset },
      });
      await driver.sent(0);
      const [frame] = await fromCard(target, 1);
      // The stack checks the sum.
      expect(receiveTransport(receiveIp(summed(frame))).payload).toEqual([...payload(999)]);
    },
  },

  'segmentation offload': {
    needs: ['VIRTIO_NET_F_HOST_TSO4'],
    run: async (driver, target) => {
      const sent = payload(20000);
      const built = addressed(buildPacket({ version: 4, transport: 'tcp', payload: sent }), peer, macOf(driver));
      const { checksumStart, checksumOffset, payloadStart } = built;
      await driver.send(0, [built.bytes], {
        header: {
          flags: headerFlag.needsChecksum,
          gsoType: gso.tcp4,
          gsoSize: 1000,
          headerLength: payloadStart,
          checksumStart,
          checksumOffset,
        },
      });
      await driver.sent(0);
      const received: number[] = [];
      await until(target.machine, 'all segments', async () => {
        for (const frame of await target.wire.take()) {
          if (frame.offload?.gsoSize) expect(frame.offload.gsoSize).toBe(1000);
          else expect(frame.bytes.length).toBeLessThanOrEqual(payloadStart + 1000);
          received.push(...receiveTransport(receiveIp(summed(frame))).payload);
        }
        return received.length >= sent.length ? true : undefined;
      });
      expect(received).toEqual([...sent]);
    },
  },

  'receive modes and address table': {
    needs: ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_CTRL_RX_EXTRA'],
    run: async (driver, target) => {
      const strange = frames(1, stranger, peer);
      const loud = frames(1, broadcast, peer);
      await driver.command(commands.setRxMode('promiscuous', true));
      expectFrames(framesOf(await filtered(driver, target, strange)), [...strange, ...frames(1, macOf(driver), peer)]);
      await driver.command(commands.setRxMode('promiscuous', false));
      expect((await filtered(driver, target, strange)).length).toBe(1);
      await driver.command(commands.setMacTable([Uint8Array.from(stranger)], []));
      expect((await filtered(driver, target, strange)).length).toBe(2);
      await driver.command(commands.setMacTable([], []));
      expect((await filtered(driver, target, [...strange, ...loud])).length).toBe(2);
      await driver.command(commands.setRxMode('noBroadcast', true));
      expect((await filtered(driver, target, loud)).length).toBe(1);
    },
  },

  'VLAN filter': {
    needs: ['VIRTIO_NET_F_CTRL_VLAN', 'VIRTIO_NET_F_CTRL_RX'],
    run: async (driver, target) => {
      const tagged = frames(2, macOf(driver), peer);
      for (const [i, frame] of tagged.entries()) frame.set([0x81, 0, 0, 100 + i], 12);
      await driver.command(commands.setRxMode('promiscuous', false));
      expect((await filtered(driver, target, tagged)).length).toBe(1);
      await driver.command(commands.addVlan(101));
      expectFrames(framesOf(await filtered(driver, target, tagged)), [tagged[1], ...frames(1, macOf(driver), peer)]);
      await driver.command(commands.deleteVlan(101));
      expect((await filtered(driver, target, tagged)).length).toBe(1);
    },
  },

  'receive offloads': {
    needs: ['VIRTIO_NET_F_CTRL_GUEST_OFFLOADS', 'VIRTIO_NET_F_GUEST_CSUM'],
    run: async (driver) => {
      await driver.command(commands.setGuestOffloads(0n));
      await driver.command(commands.setGuestOffloads(1n << 1n));
      const { ack } = await driver.control!.send(commands.setGuestOffloads(1n << 40n));
      expect(ack).toBe(commands.ack.error);
    },
  },

  'large packets received': {
    needs: ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS', 'VIRTIO_NET_F_MRG_RXBUF'],
    run: async (driver, target) => {
      const sent = payload(9000);
      const { bytes, checksumStart, checksumOffset, payloadStart } = addressed(
        buildPacket({ version: 4, transport: 'tcp', payload: sent }),
        macOf(driver),
        peer,
      );
      const offload = {
        needsChecksum: true,
        checksumStart,
        checksumOffset,
        gsoType: gso.tcp4,
        gsoSize: 1000,
        ecn: false,
      };
      await target.wire.sendOffloaded!({ bytes, offload });
      const [{ header, frame }] = await driver.packets(1);
      expectFrames([frame], [bytes]);
      expect(header).toMatchObject({
        flags: headerFlag.needsChecksum,
        gsoType: gso.tcp4,
        gsoSize: 1000,
        checksumStart,
        checksumOffset,
      });
      await driver.command(commands.setGuestOffloads(0n));
      await target.wire.sendOffloaded!({ bytes, offload });
      const segments = await driver.packets(9);
      expect(segments.map((packet) => packet.frame.length)).toEqual(new Array(9).fill(payloadStart + 1000));
      expect(segments.flatMap((packet) => receiveTransport(receiveIp(packet.frame)).payload)).toEqual([...sent]);
    },
  },

  'reset of a queue': {
    needs: ['VIRTIO_F_RING_RESET'],
    run: async (driver, target) => {
      const { transport } = driver;
      if (!(transport instanceof ModernTransport)) throw new Error('a legacy device can not reset a queue');
      const card = macOf(driver);
      await driver.send(0, frames(3, peer, card));
      await driver.sent(0);
      await fromCard(target, 3);
      await until(target.machine, 'end of the reset', async () => ((await transport.resetQueue(1)) ? true : undefined));
      expect(await transport.get('queueEnable')).toBe(0);
      const ring = await setUpQueue(transport, driver.features, 1, { size: 8 });
      expect(await transport.get('queueReset')).toBe(0);
      const [frame] = frames(1, peer, card);
      const header = headerBytes(driver.features);
      const address = await transport.memory.store(Uint8Array.of(...new Uint8Array(header), ...frame));
      await ring.add([{ address, length: header + frame.length, writable: false }]);
      await ring.publish();
      await transport.notify(1, ring);
      await until(target.machine, 'used buffer', async () => (await ring.collect()).at(0));
      expectFrames([(await fromCard(target, 1))[0].bytes], [frame]);
    },
  },

  'notification coalescing': {
    needs: ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_VQ_NOTF_COAL'],
    except: ['VIRTIO_F_EVENT_IDX'],
    run: async (driver, target) => {
      const wish = { maxPackets: 3, maxMicroseconds: 60_000_000 };
      await driver.command(commands.setReceiveCoalescing(wish));
      const { result } = await driver.command(commands.getQueueCoalescing(0));
      expect(commands.decodeCoalescing(result)).toEqual(wish);
      await driver.interrupts();
      const given = frames(3, macOf(driver), peer);
      await target.wire.send(given[0], given[1]);
      await target.machine.settle();
      expect((await driver.interrupts()).queues).toEqual([]);
      await target.wire.send(given[2]);
      await until(target.machine, 'interrupt', async () =>
        (await driver.interrupts()).queues.length > 0 ? true : undefined,
      );
      expectFrames(framesOf(await driver.packets(3)), given);
    },
  },

  'link status': {
    needs: ['VIRTIO_NET_F_STATUS'],
    run: async (driver, target) => {
      const { transport } = driver;
      for (const up of [false, true]) {
        const before = await transport.configGeneration();
        await driver.interrupts();
        await target.setLink!(up);
        await until(target.machine, 'configuration interrupt', async () =>
          (await driver.interrupts()).config ? true : undefined,
        );
        const { status } = await readNetConfig(transport, driver.features);
        expect(status! & netStatus.linkUp).toBe(up ? netStatus.linkUp : 0);
        expect(await transport.configGeneration()).not.toBe(before);
      }
    },
  },

  announcement: {
    needs: ['VIRTIO_NET_F_GUEST_ANNOUNCE'],
    run: async (driver, target) => {
      await driver.interrupts();
      await target.announce!();
      await until(target.machine, 'configuration interrupt', async () =>
        (await driver.interrupts()).config ? true : undefined,
      );
      const status = async (): Promise<number> => (await readNetConfig(driver.transport, driver.features)).status!;
      expect((await status()) & netStatus.announce).toBe(netStatus.announce);
      await driver.command(commands.acknowledgeAnnounce());
      expect((await status()) & netStatus.announce).toBe(0);
    },
  },

  'masked vectors': {
    needs: [],
    run: async (driver) => {
      const msix = driver.transport.msix!;
      const { vector } = driver.transmitters[0].queue;
      const sendOne = async (): Promise<void> => {
        await driver.transmitters[0].queue.ring.wantInterrupts('always');
        await driver.send(0, frames(1, peer, macOf(driver)));
        await driver.sent(0);
      };
      await msix.takeAll();
      await msix.mask(vector!, true);
      await sendOne();
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([false, true]);
      await msix.mask(vector!, false);
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([true, false]);
      await msix.maskAll(true);
      await sendOne();
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([false, true]);
      await msix.maskAll(false);
      expect(await msix.take(vector!)).toBe(true);
    },
  },

  'reset of the machine': {
    needs: [],
    run: async (driver, target) => {
      expect(await driver.transport.readStatus()).toBe(15);
      await target.reset!();
      expect((await driver.transport.card.command()) & 7).toBe(0);
      const transport = await openModern(target.machine);
      expect(await transport.readStatus()).toBe(0);
      const again = await NetDriver.start(transport, { queueSize: 16 });
      await exchange(target, again, { name: 'after a reset', needs: [] });
      await driver.transport.card.placeBars();
    },
  },

  statistics: {
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    run: async (driver, target) => {
      const { rxBasic, txBasic, controlQueue } = commands.statisticsType;
      const supported = (await driver.command(commands.queryStatistics())).result;
      expect(supported[0] & 1).toBe(1);
      await driver.send(0, frames(3, peer, macOf(driver)));
      await driver.sent(0);
      await target.wire.send(...frames(2, macOf(driver), peer));
      await driver.packets(2);
      const { result } = await driver.command(
        commands.getStatistics([
          { queue: 0, types: [rxBasic] },
          { queue: 1, types: [txBasic] },
          { queue: driver.control!.queue.index, types: [controlQueue] },
        ]),
      );
      const [received, sent, control] = commands.decodeStatistics(result);
      expect([received.queue, received.counters.rx_packets]).toEqual([0, 2n]);
      expect([sent.queue, sent.counters.tx_packets]).toEqual([1, 3n]);
      expect(control.counters.command_num).toBeGreaterThan(0n);
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** The frame that a station sends back: with source and destination exchanged, in Ethernet, IPv4 and UDP. */
function answerTo(frame: Uint8Array): Uint8Array {
  const answer = frame.slice();
  for (const [a, b, length] of [
    [0, 6, 6],
    [26, 30, 4],
    [34, 36, 2],
  ] as const) {
    answer.set(frame.subarray(a, a + length), b);
    answer.set(frame.subarray(b, b + length), a);
  }
  return answer;
}

/** Tests of what a target's card can do. */
export function describeOperations(make: () => Promise<Target>, names: readonly (keyof typeof operations)[]): void {
  it.each(names)('does: %s', async (name) => {
    const operation: Operation = operations[name];
    const target = await make();
    try {
      const transport = await openModern(target.machine);
      const offered = await transport.offered();
      const missing = operation.needs.filter((feature) => !has(offered, feature));
      expect(missing, 'features that this needs').toEqual([]);
      const driver = await NetDriver.start(transport, {
        accept: everythingBut(...(operation.except ?? [])),
        queueSize: 16,
      });
      await operation.run(driver, target);
      await driver.stop();
    } finally {
      await target.close();
    }
  });
}
