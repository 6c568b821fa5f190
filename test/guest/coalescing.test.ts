import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interrupts, since, startNetwork, type Network } from './network.js';

/** Bit of VIRTIO_NET_F_NOTF_COAL in the kernel's list of negotiated features. */
const coalescingBit = 53;
/** What a card starts with; Linux takes tx-frames 0 for another way of sending, and only while the interface is down. */
const off = 'rx-usecs 0 rx-frames 0 tx-usecs 0 tx-frames 1';

describe('coalescing in a real kernel', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 1 } });
    // A guest that asks where the other is takes along what waits for its interrupt.
    for (const [guest, other] of [
      [1, 2],
      [2, 1],
    ]) {
      const { mac } = network.cards[other - 1].device;
      await network.ok(guest, `ip neigh replace 10.0.0.${other} lladdr ${mac} dev eth0 nud permanent`);
    }
  });
  afterAll(() => network.stop());

  const coalesce = (guest: number, settings: string): Promise<string> =>
    network.ok(guest, `ethtool -C eth0 ${settings}`);

  /** Sends 640 datagrams, each by itself. Answers for each guest how many packets came to one interrupt. */
  async function packetsPerInterrupt(): Promise<{ sender: number; receiver: number }> {
    const lanes = network.cards.map(({ device }) => device.counters[0]);
    const [sentBefore, receivedBefore] = [lanes[0].txFrames, lanes[1].rxFrames];
    const before = [await interrupts(network, 1), await interrupts(network, 2)];
    await network.ok(1, `bash -c 'for ((i = 0; i < 640; i++)); do echo >/dev/udp/10.0.0.2/9; done'`);
    const [sent, received] = [lanes[0].txFrames - sentBefore, lanes[1].rxFrames - receivedBefore];
    expect(Math.min(sent, received)).toBeGreaterThanOrEqual(640);
    const fired = [since(before[0], await interrupts(network, 1)), since(before[1], await interrupts(network, 2))];
    return { sender: sent / fired[0].get('output.0')!, receiver: received / fired[1].get('input.0')! };
  }

  /** Round trip of the quickest of some pings of guest 2, in milliseconds. */
  async function shortestTrip(): Promise<number> {
    const text = await network.ok(2, 'ping -c 4 -i 0.5 10.0.0.1');
    expect(text).toContain(' 0% packet loss');
    return Math.min(...Array.from(text.matchAll(/time=([\d.]+) ms/g), ([, time]) => Number(time)));
  }

  it('is negotiated, and nothing is set', async () => {
    const bits = await network.ok(1, 'cat /sys/class/net/eth0/device/features');
    expect(bits[coalescingBit]).toBe('1');
    const text = await network.ok(1, 'ethtool -c eth0');
    for (const name of ['rx-usecs', 'rx-frames', 'tx-usecs']) expect(text).toMatch(new RegExp(`^${name}:\\s+0$`, 'm'));
  });

  it('is set by ethtool -C, and the card goes by it', async () => {
    await coalesce(2, 'rx-usecs 300 rx-frames 20 tx-usecs 400 tx-frames 30');
    const text = await network.ok(2, 'ethtool -c eth0');
    expect(text).toMatch(/^rx-usecs:\s+300\nrx-frames:\s+20$/m);
    expect(text).toMatch(/^tx-usecs:\s+400\ntx-frames:\s+30$/m);
    const { coalescing } = network.cards[1].device;
    expect(coalescing.getQueue(0)).toEqual({ maxPackets: 20, maxUsecs: 300 });
    expect(coalescing.getQueue(1)).toEqual({ maxPackets: 30, maxUsecs: 400 });
    await coalesce(2, off);
    expect(coalescing.delays(0) || coalescing.delays(1)).toBe(false);
  });

  it('makes interrupts fewer, for what is received and for what is sent', async () => {
    const without = await packetsPerInterrupt();
    await coalesce(1, 'tx-usecs 1000000 tx-frames 64');
    await coalesce(2, 'rx-usecs 1000000 rx-frames 64');
    const within = await packetsPerInterrupt();
    await coalesce(1, off);
    await coalesce(2, off);
    // 64, but where the guests are slow a whole second passes first.
    expect(within.receiver).toBeGreaterThan(20);
    expect(within.sender).toBeGreaterThan(20);
    expect(without.receiver).toBeLessThan(within.receiver / 4);
    expect(without.sender).toBeLessThan(within.sender / 4);
  });

  it('delays a packet as long as was set, and not for longer', async () => {
    const prompt = await shortestTrip();
    for (const milliseconds of [50, 200]) {
      await coalesce(2, `rx-usecs ${1000 * milliseconds} rx-frames 1000`);
      const trip = await shortestTrip();
      expect(trip).toBeGreaterThanOrEqual(milliseconds);
      expect(trip).toBeLessThan(2 * milliseconds + prompt);
    }
    await coalesce(2, off);
  });

  it('lets bulk traffic pass', async () => {
    for (const guest of [1, 2]) await coalesce(guest, 'rx-usecs 500 rx-frames 64 tx-usecs 500 tx-frames 64');
    await network.ok(1, 'iperf3 -c 10.0.0.2 -t 1 -P 2');
    await network.ok(1, 'iperf3 -c 10.0.0.2 -t 1 -P 2 -R');
    expect(network.drops()).toEqual([]);
    expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
  });

  it('is off again with a driver that starts anew', async () => {
    await network.ok(2, 'rmmod virtio_net && modprobe virtio_net');
    const { coalescing } = network.cards[1].device;
    expect([0, 1].some((queue) => coalescing.delays(queue))).toBe(false);
  });
});
