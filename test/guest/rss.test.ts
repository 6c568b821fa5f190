import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMac } from '../../src/net/index.js';
import type { MultiqueueState } from '../../src/net/multiqueue.js';
import { naiveHash, type NaivePacket } from '../support/naiveHash.js';
import { packetFrame } from '../support/tunnels.js';
import { TestWire } from '../support/wire.js';
import { interrupts, range, since, startNetwork, type Network } from './network.js';
import { watchReceive, type SeenPacket } from './trace.js';

const pairs = 4;
const ethernetHeaderBytes = 14;
/** What Linux asks for: all but the hashes over the addresses of mobile stations. */
const linuxTypes = 0x3f;

describe('receive-side scaling in a real kernel', () => {
  let network: Network;
  /** A third station, from which the test sends what it likes. */
  let wire: TestWire;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: pairs } });
    for (const guest of [1, 2]) await network.ok(guest, `ethtool -L eth0 combined ${pairs}`);
    wire = new TestWire(network.fabric.addPort('test'));
  });
  afterAll(() => network.stop());

  const state = (): MultiqueueState => network.cards[1].device.multiqueue.save();
  const ok = (command: string): Promise<string> => network.ok(2, command);
  const types = (): number => state().hash.types;

  it('is negotiated, and hash reports with it', async () => {
    const bits = (await ok('cat /sys/bus/virtio/devices/virtio0/features')).trim();
    expect({ report: bits[57], rss: bits[60] }).toEqual({ report: '1', rss: '1' });
  });

  it('shows its table and its key in ethtool -x, and its function is Toeplitz', async () => {
    const text = await ok('ethtool -x eth0');
    expect(table(text).length).toBe(128);
    expect(key(text).length).toBe(40);
    expect(text).toMatch(/toeplitz: on/);
    expect(await network.status(2, 'ethtool -X eth0 hfunc xor')).not.toBe(0);
  });

  it('takes a table by ethtool -X, equal or weighted', async () => {
    await ok('ethtool -X eth0 equal 2');
    expect(state().rss?.indirection).toEqual(range(128).map((index) => index % 2));
    await ok('ethtool -X eth0 weight 1 0 3 4');
    const weighted = table(await ok('ethtool -x eth0'));
    expect(state().rss?.indirection).toEqual(weighted);
    expect(range(pairs).map((pair) => weighted.filter((entry) => entry === pair).length)).toEqual([16, 0, 48, 64]);
    await ok(`ethtool -X eth0 equal ${pairs}`);
  });

  it('takes a key by ethtool -X hkey', async () => {
    const bytes = range(40).map((index) => (index * 37 + 11) & 255);
    await ok(`ethtool -X eth0 hkey ${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`);
    expect(key(await ok('ethtool -x eth0'))).toEqual(bytes);
    expect(state().hash.key).toEqual(bytes);
  });

  it('says and takes what is hashed by ethtool -n and -N', async () => {
    await ok('ethtool -K eth0 rxhash on');
    expect(types()).toBe(linuxTypes);
    const kinds = ['tcp4', 'udp4', 'tcp6', 'udp6'];
    const shows = async (kind: string): Promise<boolean> =>
      (await ok(`ethtool -n eth0 rx-flow-hash ${kind}`)).includes('L4 bytes');
    for (const [index, kind] of kinds.entries()) {
      expect(await shows(kind)).toBe(true);
      await ok(`ethtool -N eth0 rx-flow-hash ${kind} sd`);
      expect(await shows(kind)).toBe(false);
      expect(types()).toBe(linuxTypes & ~[2, 4, 16, 32][index]);
      await ok(`ethtool -N eth0 rx-flow-hash ${kind} sdfn`);
    }
    await ok('ethtool -K eth0 rxhash off');
    expect(types()).toBe(0);
    await ok('ethtool -K eth0 rxhash on');
    expect(types()).toBe(linuxTypes);
  });

  const address = (guest: number): number[] => Array.from(parseMac(network.cards[guest - 1].device.mac));

  /** Where a packet belongs, by the state of the card and the independent implementation. */
  function belongs(packet: NaivePacket): { queue: number; hash: number } {
    const { rss, hash } = state();
    const found = naiveHash(Uint8Array.from(hash.key), hash.types, packet);
    const queue = found.report === 0 ? rss!.unclassified : rss!.indirection[found.hash % 128];
    return { queue, hash: found.hash };
  }

  /** What the kernel sees of packets from the third station, each of a length of its own. */
  async function seenOf(packets: readonly NaivePacket[]): Promise<(SeenPacket | undefined)[]> {
    const length = (index: number): number => 300 + index;
    const frames = packets.map((packet, index) => {
      const bytes = packetFrame(packet).slice(6);
      const padding = new Array<number>(ethernetHeaderBytes - 6 + length(index) - bytes.length).fill(0);
      return Uint8Array.from([...address(2), ...bytes, ...padding]);
    });
    const seen = await watchReceive(network, 2, async () => {
      wire.deliver(...frames);
      await ok('sleep 0.2');
    });
    return packets.map((_, index) => seen.find((packet) => packet.length === length(index)));
  }

  const ipv6 = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];
  const packets = range(60).map((n): NaivePacket => ({
    source: n % 2 === 0 ? [10, 0, 1, n] : ipv6(n),
    destination: n % 2 === 0 ? [10, 0, 2, 1] : ipv6(1),
    protocol: [6, 17, 132][n % 3],
    sourcePort: 1000 + 7 * n,
    destinationPort: 4000 + n,
    fragment: n % 10 === 4,
  }));

  it('finds every packet in the queue, and with the hash, that Toeplitz says', async () => {
    const seen = await seenOf(packets);
    expect(new Set(seen.map((packet) => packet?.queue)).size).toBe(pairs);
    for (const [index, packet] of packets.entries())
      expect(seen[index], JSON.stringify(packet)).toMatchObject(belongs(packet));
  });

  it('finds them elsewhere with another key, a weighted table, and less to hash', async () => {
    await ok(`ethtool -X eth0 weight 0 1 0 3 hkey ${'6d:5a:56:da:25:5b:0e:c2:41:67:'.repeat(4).slice(0, -1)}`);
    await ok('ethtool -N eth0 rx-flow-hash tcp4 sd');
    const some = packets.slice(0, 30);
    const seen = await seenOf(some);
    expect(new Set(seen.map((packet) => packet?.queue))).toEqual(new Set(some.map((packet) => belongs(packet).queue)));
    for (const [index, packet] of some.entries())
      expect(seen[index], JSON.stringify(packet)).toMatchObject(belongs(packet));
    await ok(`ethtool -N eth0 rx-flow-hash tcp4 sdfn; ethtool -X eth0 equal ${pairs}`);
  });

  it('finds the flows of another guest where they belong', async () => {
    const flows = range(12).map((n): NaivePacket => ({
      source: [10, 0, 0, 1],
      destination: [10, 0, 0, 2],
      protocol: 17,
      sourcePort: 20000 + n,
      destinationPort: 9,
    }));
    const ports = flows.map(({ sourcePort }) => sourcePort).join(' ');
    const before = await interrupts(network, 2);
    const seen = await watchReceive(network, 2, async () => {
      await network.ok(1, `for p in ${ports}; do head -c $((p - 19500)) /dev/zero | nc -u -q 0 -p $p 10.0.0.2 9; done`);
    });
    const fired = since(before, await interrupts(network, 2));
    for (const flow of flows) {
      const { queue, hash } = belongs(flow);
      const found = seen.filter(({ length }) => length === 28 + flow.sourcePort - 19500);
      expect(found, `port ${flow.sourcePort}`).toMatchObject([{ queue, hash, l4: true }]);
      expect(fired.get(`input.${queue}`)).toBeGreaterThan(0);
    }
  });

  it('carries TCP both ways, in every queue', async () => {
    const before = network.cards[1].device.counters.map(({ rxFrames }) => rxFrames);
    expect(await network.ok(1, 'iperf3 -c 10.0.0.2 -P 16 -t 2 --bidir')).toContain('iperf Done.');
    for (const pair of range(pairs)) {
      expect(network.cards[1].device.counters[pair].rxFrames, `pair ${pair}`).toBeGreaterThan(before[pair]);
    }
    expect(network.drops()).toEqual([]);
  });

  it('has a driver that breaks no rule but one', () => {
    // Linux 6.1 does not raise max_tx_vq with ethtool -L: it then sends on queues that it said it would not use.
    expect(network.brokenRules()).toEqual([]);
  });
});

/** The entries of the indirection table in the output of ethtool -x. */
function table(text: string): number[] {
  return Array.from(text.matchAll(/^ +\d+:((?: +\d+)+)$/gm), ([, row]) => row.trim().split(/ +/).map(Number)).flat();
}

/** The bytes of the hash key in the output of ethtool -x. */
function key(text: string): number[] {
  const hex = /hash key:\n([0-9a-f:]+)/.exec(text)?.[1] ?? '';
  return hex.split(':').map((byte) => parseInt(byte, 16));
}
