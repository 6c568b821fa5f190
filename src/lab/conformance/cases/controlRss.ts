import { commands, until, type NetDriver, type Packet } from '../../../driver/index.js';
import type { RssConfig } from '../../../driver/net/commands.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { packet, pattern, type TestPacket } from '../packets.js';
import { enableReceiver, receiveFrom, takeBack } from '../queues.js';
import { frameTo, macOf, peer, same } from '../reception.js';
import { toeplitz, verificationKey } from '../toeplitz.js';

const section = '5.1.6.5.7.2';

/** Where IP has its addresses, from its header's start on. */
const addresses = { 4: [12, 20], 6: [8, 40] } as const;

/** The hash types of plain packets (5.1.6.4.3.1): for a packet of a transport, and by its addresses alone. */
const kinds = [
  { version: 4, transport: 'tcp', type: 1 << 1, byAddress: 1 << 0 },
  { version: 4, transport: 'udp', type: 1 << 2, byAddress: 1 << 0 },
  { version: 6, transport: 'tcp', type: 1 << 4, byAddress: 1 << 3 },
  { version: 6, transport: 'udp', type: 1 << 5, byAddress: 1 << 3 },
] as const;
type Kind = (typeof kinds)[number];

const portsOfKind = 8;

function made(driver: NetDriver, { version, transport }: Kind, port: number): TestPacket {
  const shape = { to: macOf(driver), from: peer, version, transport, payload: pattern(40) };
  return packet({ ...shape, ports: [40000 + 37 * port, 50002] });
}

/** The hash of a packet with these types enabled; undefined where none is for it. */
function hashOf({ bytes, networkStart, checksumStart }: TestPacket, kind: Kind, enabled: number): number | undefined {
  const [start, end] = addresses[kind.version].map((at) => networkStart + at);
  const byPort = (enabled & kind.type) !== 0;
  if (!byPort && (enabled & kind.byAddress) === 0) return undefined;
  const ports = byPort ? bytes.subarray(checksumStart, checksumStart + 4) : [];
  return toeplitz(verificationKey, [...bytes.subarray(start, end), ...ports]);
}

/** A driver with all pairs set up. @throws Skipped when that is one */
async function started(bench: Bench): Promise<{ driver: NetDriver; count: number; supported: number }> {
  const driver = await bench.start();
  const { length: count } = driver.receivers;
  if (count < 2) throw new Skipped('the card has one queue pair');
  return { driver, count, supported: driver.config.supportedHashTypes! };
}

async function configure(driver: NetDriver, config: Omit<RssConfig, 'maxTransmitQueues' | 'key'>): Promise<void> {
  const { length: maxTransmitQueues } = driver.transmitters;
  await driver.command(commands.setRss({ ...config, maxTransmitQueues, key: verificationKey }));
}

/** Sends a frame, and answers the pair on which it comes. @throws TimeoutError */
async function pairOf(bench: Bench, receive: () => Promise<Packet[]>, frame: Uint8Array): Promise<number> {
  await bench.wire.send(frame);
  return until(bench.machine, 'packet', async () => {
    return (await receive()).find((packet) => same(packet.frame, frame))?.pair;
  });
}

/**
 * Sends frames for the card the other way, on pair 0. A network that has a queue for each pair, as a multiqueue tap, gives the
 * pair that a flow was sent on what comes for it, before the card may choose another; what is for a pair whose receive queue
 * is reset would wait there.
 */
async function makeKnown(bench: Bench, driver: NetDriver, ...frames: Uint8Array[]): Promise<void> {
  const addressBytes = 2 * peer.length;
  const turned = frames.map((frame) => Uint8Array.of(...peer, ...macOf(driver), ...frame.subarray(addressBytes)));
  await driver.send(0, turned);
  await driver.sent(0);
  await bench.fromCard(turned.length);
}

/** Receive-side scaling (virtio 5.1.6.5.7). */
export const rssCases: readonly Case[] = [
  {
    id: 'rss-destination-by-hash',
    statements: ['net-dev-083'],
    section,
    expects: 'the masked hash of a packet is the place of its queue in the indirection table',
    needs: ['VIRTIO_NET_F_RSS'],
    async run(bench) {
      const { driver, count, supported } = await started(bench);
      const known = kinds.reduce((set, { type, byAddress }) => set | type | byAddress, 0) & supported;
      const addressOnly = kinds.reduce((set, { byAddress }) => set | byAddress, 0) & supported;
      const wrong: string[] = [];
      const used = new Set<number>();
      let sent = 0;
      // Tables of different lengths make different masks.
      for (const [hashTypes, length] of [
        [known, 8],
        [known, 64],
        [addressOnly, 16],
      ]) {
        const most = driver.config.rssMaxIndirectionTableLength!;
        // With no period, so that another mask finds other queues.
        const place = (_: unknown, at: number): number => (Math.imul(at + 1, 0x9e3779b1) >>> 24) % count;
        const indirectionTable = Array.from({ length: Math.min(length, most) }, place);
        await configure(driver, { hashTypes, indirectionTable, unclassifiedQueue: 0 });
        for (const kind of kinds) {
          for (let port = 0; port < portsOfKind; port++) {
            const test = made(driver, kind, port);
            const hash = hashOf(test, kind, hashTypes);
            if (hash === undefined) continue;
            const wanted = indirectionTable[(hash & (indirectionTable.length - 1)) >>> 0];
            const pair = await pairOf(bench, () => driver.receive(), test.bytes);
            used.add(pair);
            sent++;
            if (pair !== wanted) {
              wrong.push(`${kind.transport}${kind.version} with hash 0x${hash.toString(16)} on ${pair}, not ${wanted}`);
            }
          }
        }
      }
      if (used.size < 2 && wrong.length === 0) throw new Skipped('all packets belong on one queue');
      return claim(wrong.length === 0, wrong.join('; ') || `${sent} packets, each on its queue, ${used.size} queues`);
    },
  },
  {
    id: 'rss-unclassified',
    statements: ['net-dev-083'],
    section,
    expects: 'packets of which no hash is calculated come on the queue for unclassified packets',
    needs: ['VIRTIO_NET_F_RSS'],
    async run(bench) {
      const { driver, count, supported } = await started(bench);
      const seen: string[] = [];
      let holds = true;
      for (const unclassifiedQueue of [count - 1, 0]) {
        const hashed = count - 1 - unclassifiedQueue;
        const hashTypes = supported & (1 << 1);
        await configure(driver, { hashTypes, indirectionTable: [hashed, hashed], unclassifiedQueue });
        const pair = (frame: Uint8Array): Promise<number> => pairOf(bench, () => driver.receive(), frame);
        const [tcp4, udp4, tcp6] = kinds.map((kind) => made(driver, kind, 1).bytes);
        const pairs = [await pair(frameTo(macOf(driver))), await pair(udp4), await pair(tcp6)];
        const classified = await pair(tcp4);
        holds &&= pairs.every((each) => each === unclassifiedQueue);
        if (hashTypes !== 0) holds &&= classified === hashed;
        seen.push(`no IP, udp4, tcp6 on ${pairs.join(', ')} for ${unclassifiedQueue}, tcp4 on ${classified}`);
      }
      return claim(holds, `with the hash of tcp4 alone: ${seen.join('; ')}`);
    },
  },
  {
    id: 'rss-reset-queue',
    statements: ['net-dev-084'],
    section,
    // A device may have reset the queue at once; then there is no other time than that until it is enabled again.
    expects: 'a packet for a queue that is reset is dropped',
    needs: ['VIRTIO_NET_F_RSS', 'VIRTIO_F_RING_RESET'],
    async run(bench) {
      const { driver, count, supported } = await started(bench);
      const away = count - 1;
      const hashTypes = supported & 0x3f;
      await configure(driver, { hashTypes, indirectionTable: [away, away], unclassifiedQueue: 0 });
      const receivers = [...driver.receivers];
      const pair = (frame: Uint8Array): Promise<number> => pairOf(bench, () => receiveFrom(receivers), frame);
      const [first, second, third] = [1, 2, 3].map((port) => made(driver, kinds[1], port).bytes);
      if ((await pair(first)) !== away) throw new Skipped('the packet does not come on its queue before either');
      await makeKnown(bench, driver, second, frameTo(macOf(driver)));
      await takeBack(bench, driver, 2 * away);
      await bench.wire.send(second);
      // What is unclassified still gets through.
      const other = await pair(frameTo(macOf(driver)));
      await bench.quiet();
      const early = (await receiveFrom(receivers)).length;
      receivers[away] = await enableReceiver(driver, away);
      let late = 0;
      await bench.wire.send(third);
      await until(bench.machine, 'packet for the queue that was enabled again', async () => {
        const frames = (await receiveFrom(receivers)).map(({ frame }) => frame);
        late += frames.filter((frame) => same(frame, second)).length;
        return frames.some((frame) => same(frame, third)) ? true : undefined;
      });
      const seen = `while queue ${2 * away} was reset: an unclassified packet came on ${other}`;
      return claim(
        early === 0 && late === 0 && other === 0,
        `${seen}, one for that queue ${early > 0 ? 'on another' : late > 0 ? 'later' : 'never'}`,
      );
    },
  },
];
