import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestCard } from '../../src/vm/index.node.js';
import { featureNames } from '../../src/virtio/features.js';
import { listening, startNetwork, type Network } from './network.js';

/** What Debian's kernel can negotiate of rings, by bit; each can be left out. */
const choices = {
  VIRTIO_F_INDIRECT_DESC: 28,
  VIRTIO_F_EVENT_IDX: 29,
  VIRTIO_F_RING_PACKED: 34,
} as const;
type Choice = keyof typeof choices;

const combinations = Array.from({ length: 8 }, (_, number) =>
  (Object.keys(choices) as Choice[]).filter((_, i) => (number >> i) & 1),
);

describe('in a real kernel', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork();
  });
  afterAll(() => network.stop());

  /** The bits that the guest's kernel negotiated for an interface. */
  async function negotiated(guest: number, name: string): Promise<bigint> {
    const text = (await network.ok(guest, `cat /sys/class/net/${name}/device/features`)).trim();
    return BigInt(`0b${text.split('').reverse().join('')}`);
  }

  /** Sends a file of that many KiB from guest 1 and answers whether it arrived unchanged. */
  async function carries(address: string, kilobytes: number, meanwhile = () => Promise.resolve()) {
    await network.ok(
      2,
      `rm -f /tmp/received; nc -l -p 9000 >/tmp/received </dev/null 2>/dev/null & ${listening(9000)}`,
    );
    await network.ok(1, `head -c ${kilobytes * 1024} /dev/urandom >/tmp/sent`);
    await network.ok(1, `(nc -N ${address} 9000 </tmp/sent; echo $? >/tmp/status) >/dev/null 2>&1 & sleep 0.1`);
    await meanwhile();
    await network.ok(1, 'i=0; until [ -s /tmp/status ]; do i=$((i + 1)); [ $i -lt 600 ] || exit 1; sleep 0.1; done');
    await network.ok(2, 'i=0; while pidof nc >/dev/null && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done');
    const sum = async (guest: number, file: string): Promise<string> =>
      (await network.ok(guest, `sha256sum /tmp/${file}; rm /tmp/${file}`)).split(' ')[0];
    const status = (await network.ok(1, 'cat /tmp/status; rm /tmp/status')).trim();
    return status === '0' && (await sum(1, 'sent')) === (await sum(2, 'received'));
  }

  it.each(
    combinations.map((names, number) => [names.map((name) => name.slice(9)).join(', ') || 'none', names, number]),
  )('rings carry traffic with %s of the features that can be left out', async (_, names, number) => {
    const features = Object.fromEntries((Object.keys(choices) as Choice[]).map((name) => [name, names.includes(name)]));
    const cards: GuestCard[] = [];
    for (const guest of [1, 2]) {
      const port = network.fabric.addPort(`guest ${guest}, combination ${number}`);
      const address = `10.0.${number + 1}.${guest}/24`;
      cards.push(await network.guests[guest - 1].addCard({ queuePairs: 1, features, address, port }));
    }
    for (const [i, card] of cards.entries()) {
      const bits = await negotiated(i + 1, card.interfaceName);
      expect(bits).toBe(card.function.negotiation.features);
      const seen = featureNames(bits, card.device.featureTable).filter((name) => name in choices);
      expect(seen.sort()).toEqual([...names].sort());
    }
    const address = `10.0.${number + 1}.2`;
    expect(await network.ok(1, `ping -c 3 -i 0.05 -s 1400 ${address}`)).toContain(' 0% packet loss');
    expect(await network.ok(1, `iperf3 -c ${address} -t 1 --bidir`)).toContain('iperf Done.');
    expect(await carries(address, 1024)).toBe(true);
    for (const card of cards) {
      const { rxFrames, txFrames } = card.device.counters[0];
      expect(Math.min(rxFrames, txFrames)).toBeGreaterThan(20);
    }
  });

  it('rings are negotiated packed and resettable by default', async () => {
    const names = featureNames(await negotiated(1, 'eth0'), network.cards[0].device.featureTable);
    expect(names).toEqual(expect.arrayContaining([...Object.keys(choices), 'VIRTIO_F_RING_RESET']));
  });

  it('rings are resized by ethtool -G under traffic, and a file arrives unchanged', async () => {
    const sizes = [
      [64, 128],
      [256, 32],
      [100, 77],
      [256, 256],
    ];
    const arrived = await carries('10.0.0.2', 8192, async () => {
      for (const [rx, tx] of sizes) {
        for (const guest of [1, 2]) {
          await network.ok(guest, `ethtool -G eth0 rx ${rx} tx ${tx}`);
          const current = (await network.ok(guest, 'ethtool -g eth0')).split('Current hardware settings')[1];
          expect(current).toMatch(new RegExp(`RX:\\s+${rx}\\n[^]*TX:\\s+${tx}\\n`));
        }
      }
    });
    expect(arrived).toBe(true);
    expect(await network.ok(1, 'ping -c 3 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
  });

  it('nothing was lost but what waited in a ring that was reset, and no rule was broken', () => {
    expect(network.drops().filter((drop) => !drop.includes(': reset '))).toEqual([]);
    expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
  });
});
