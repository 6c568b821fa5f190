import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetFeatureName } from '../../src/net/index.js';
import { capturing, copyFile, startNetwork, type Network } from './network.js';

/** What a card sent, or received, so far. */
function traffic(
  network: Network,
  guest: number,
): { txFrames: number; txBytes: number; rxFrames: number; rxBytes: number } {
  const sum = { txFrames: 0, txBytes: 0, rxFrames: 0, rxBytes: 0 };
  for (const lane of network.cards[guest - 1].device.counters) {
    for (const key of ['txFrames', 'txBytes', 'rxFrames', 'rxBytes'] as const) sum[key] += lane[key];
  }
  return sum;
}

/** Bytes of each frame on average: that guest 1 sent, and that guest 2 received, while `work` was done. */
async function frameSizes(network: Network, work: () => Promise<unknown>): Promise<{ sent: number; received: number }> {
  const before = [traffic(network, 1), traffic(network, 2)];
  await work();
  const after = [traffic(network, 1), traffic(network, 2)];
  return {
    sent: (after[0].txBytes - before[0].txBytes) / (after[0].txFrames - before[0].txFrames),
    received: (after[1].rxBytes - before[1].rxBytes) / (after[1].rxFrames - before[1].rxFrames),
  };
}

const segments = (network: Network): number =>
  network.fabric
    .counters()
    .ports.flatMap(({ lanes }) => lanes)
    .reduce((sum, lane) => sum + lane.segments, 0);

const withoutFeatures = (...names: NetFeatureName[]): Partial<Record<NetFeatureName, boolean>> =>
  Object.fromEntries(names.map((name) => [name, false]));

const ethernetFrame = 1514;
/** An average that no Ethernet frames have. */
const large = ethernetFrame + 100;

describe('two guests with all offloads', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 2 } });
  });
  afterAll(() => network.stop());

  it('are told of them by ethtool', async () => {
    const features = await network.ok(1, 'ethtool -k eth0');
    for (const name of [
      'rx-checksumming',
      'tx-checksumming',
      'tcp-segmentation-offload',
      'tx-tcp-segmentation',
      'tx-tcp-ecn-segmentation',
      'tx-tcp6-segmentation',
      'rx-gro-hw',
    ]) {
      expect(features).toMatch(new RegExp(`\\b${name}: on`));
    }
  });

  it('send bulk TCP in large frames, which arrive whole', async () => {
    const sizes = await frameSizes(network, () => network.ok(1, 'iperf3 -c 10.0.0.2 -t 4'));
    expect(sizes.sent).toBeGreaterThan(large);
    // Not quite equal: multicast that guest 2 does not want is sent, but not received.
    expect(sizes.received / sizes.sent).toBeCloseTo(1, 1);
    expect(segments(network)).toBe(0);
    expect(await copyFile(network, 4 << 20)).toBe(true);
  });

  it('do so over IPv6', async () => {
    for (const guest of [1, 2]) await network.ok(guest, `ip address add fd00::${guest}/64 dev eth0 nodad`);
    const sizes = await frameSizes(network, () => network.ok(1, 'iperf3 -c fd00::2 -t 4'));
    expect(sizes.received).toBeGreaterThan(large);
    expect(segments(network)).toBe(0);
  });

  it('turn them off and on while packets flow, which takes effect at once', async () => {
    const { device } = network.cards[1];
    const all = device.offloads;
    await network.ok(2, 'ethtool -K eth0 rx-gro-hw off');
    expect(device.offloads).not.toBe(all);
    const off = await frameSizes(network, () => copyFile(network, 1 << 20));
    expect(off.sent).toBeGreaterThan(large);
    expect(off.received).toBeLessThanOrEqual(ethernetFrame);
    expect(segments(network)).toBeGreaterThan(0);
    await network.ok(2, 'ethtool -K eth0 rx-gro-hw on');
    expect(device.offloads).toBe(all);
    const on = await frameSizes(network, () => copyFile(network, 1 << 20));
    expect(on.received).toBeGreaterThan(large);
  });

  it('send with checksums and segments of their own when they are told to', async () => {
    await network.ok(1, 'ethtool -K eth0 tx off tso off gso off');
    const sizes = await frameSizes(network, () => copyFile(network, 1 << 20));
    expect(sizes.sent).toBeLessThanOrEqual(ethernetFrame);
    await network.ok(1, 'ethtool -K eth0 tx on tso on gso on');
  });

  it('lose nothing and break no rule', () => {
    expect(network.drops()).toEqual([]);
    expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
  });
});

/** A receiver that lacks all offloads and one that lacks all but the checksum, and what tcpdump makes of what they get. */
describe('a guest with all offloads sends to one', () => {
  const receivers: [what: string, lacks: NetFeatureName[]][] = [
    ['without any', ['VIRTIO_NET_F_GUEST_CSUM']],
    [
      'with checksums only',
      ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6', 'VIRTIO_NET_F_GUEST_UFO', 'VIRTIO_NET_F_GUEST_ECN'],
    ],
  ];
  for (const [what, lacks] of receivers) {
    it(`${what}: the fabric segments, and every checksum is right`, async () => {
      const network = await startNetwork({
        card: (guest) => (guest === 2 ? { features: withoutFeatures(...lacks) } : {}),
      });
      try {
        // Without GRO, so that tcpdump sees what came.
        await network.ok(
          2,
          `ethtool -K eth0 gro off; tcpdump -i eth0 -w /tmp/capture -s 0 "dst 10.0.0.2 and (tcp or udp)" 2>/tmp/started >/dev/null & ${capturing}`,
        );
        const sizes = await frameSizes(network, async () => {
          expect(await copyFile(network, 1 << 20)).toBe(true);
        });
        expect(sizes.sent).toBeGreaterThan(large);
        expect(sizes.received).toBeLessThanOrEqual(ethernetFrame);
        await network.ok(2, 'sleep 1; killall tcpdump; while pidof tcpdump >/dev/null; do sleep 0.05; done');
        const count = async (pattern: string): Promise<number> =>
          Number(await network.ok(2, `tcpdump -r /tmp/capture -nn -v 2>/dev/null | grep -c '${pattern}'; true`));
        expect(await count('cksum')).toBeGreaterThan(500);
        // Only frames that carry no data yet, or that the receiver finishes itself, may come unfinished.
        if (lacks.includes('VIRTIO_NET_F_GUEST_CSUM')) expect(await count('incorrect')).toBe(0);
        expect(network.drops()).toEqual([]);
      } finally {
        await network.stop();
      }
    });
  }
});

describe('a file is received unchanged', () => {
  const modes: [mode: string, lacks: NetFeatureName[]][] = [
    ['mergeable', []],
    ['big', ['VIRTIO_NET_F_MRG_RXBUF']],
    ['small', ['VIRTIO_NET_F_MRG_RXBUF', 'VIRTIO_NET_F_GUEST_CSUM']],
  ];
  for (const [mode, lacks] of modes) {
    it(`into ${mode} buffers`, async () => {
      const network = await startNetwork({
        card: (guest) => (guest === 2 ? { features: withoutFeatures(...lacks) } : {}),
      });
      try {
        const sizes = await frameSizes(network, async () => {
          expect(await copyFile(network, 1 << 20)).toBe(true);
        });
        if (mode === 'small') expect(sizes.received).toBeLessThanOrEqual(ethernetFrame);
        else expect(sizes.received).toBeGreaterThan(large);
        expect(network.drops()).toEqual([]);
        expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
      } finally {
        await network.stop();
      }
    });
  }
});
