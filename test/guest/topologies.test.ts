import { connect } from '../../src/net/index.js';
import { Loopback } from '../../src/fabric/index.js';
import { describe, expect, it } from 'vitest';
import { capturing, interrupts, startNetwork, type Network } from './network.js';
import { startGuests } from '../../src/vm/index.node.js';

async function using(
  options: Parameters<typeof startNetwork>[0],
  test: (network: Network) => Promise<void>,
): Promise<void> {
  const network = await startNetwork(options);
  try {
    await test(network);
  } finally {
    await network.stop();
  }
}

const noLoss = ' 0% packet loss';

describe('other ways to put cards together', () => {
  it('works with INTx in a guest that wants no MSI', () =>
    using({ commandLine: 'pci=nomsi' }, async (network) => {
      for (const guest of [1, 2]) {
        expect(await network.ok(guest, 'cat /proc/interrupts')).toMatch(/IO-APIC.*virtio0/);
        expect(await network.ok(guest, 'lspci -vv')).toContain('MSI-X: Enable- Count=10');
        await network.ok(guest, 'ethtool -L eth0 combined 4');
      }
      expect(await network.ok(1, 'ping -c 10 -i 0.05 -s 1400 10.0.0.2')).toContain(noLoss);
      expect(await network.ok(1, 'iperf3 -c 10.0.0.2 -P 8 -t 3')).toContain('iperf Done.');
      expect(network.drops()).toEqual([]);
      expect(network.faults).toEqual([]);
    }));

  it('joins three guests on the switch', () =>
    using({ count: 3 }, async (network) => {
      for (const [from, to] of [
        [1, 2],
        [2, 3],
        [3, 1],
      ]) {
        expect(await network.ok(from, `ping -c 5 -i 0.05 10.0.0.${to}`)).toContain(noLoss);
      }
      await Promise.all([network.ok(1, 'iperf3 -c 10.0.0.3 -t 3'), network.ok(2, 'iperf3 -c 10.0.0.1 -t 3')]);
      expect(network.drops()).toEqual([]);
    }));

  it('gives one guest two cards', () =>
    using({}, async (network) => {
      const port = network.fabric.addPort('second card of guest 1');
      const second = await network.guests[0].addCard({ address: '10.0.1.1/24', queuePairs: 2, port });
      expect(second.interfaceName).toBe('eth1');
      await network.ok(2, 'ip address add 10.0.1.2/24 dev eth0');
      expect(await network.ok(1, 'ping -c 5 -i 0.05 -I eth1 10.0.1.2')).toContain(noLoss);
      expect(await network.ok(1, 'ping -c 5 -i 0.05 -I eth0 10.0.0.2')).toContain(noLoss);
      expect(second.device.counters[0].txFrames).toBeGreaterThan(4);
      expect((await interrupts(network, 1, 'virtio1')).get('input.0')).toBeGreaterThan(0);
    }));

  it('works with a driver that has no mergeable receive buffers, and one without event indices', () =>
    using({ card: { features: { VIRTIO_NET_F_MRG_RXBUF: false, VIRTIO_F_EVENT_IDX: false } } }, async (network) => {
      expect(await network.ok(1, 'ping -c 5 -i 0.05 -s 1472 10.0.0.2')).toContain(noLoss);
      expect(await network.ok(1, 'iperf3 -c 10.0.0.2 -P 4 -t 3')).toContain('iperf Done.');
      expect(network.drops()).toEqual([]);
      expect(network.faults).toEqual([]);
    }));

  it('drives 256 pairs', () =>
    using({ count: 2, card: { queuePairs: 256, queueSize: 64 } }, async (network) => {
      expect(await network.ok(1, 'ethtool -l eth0')).toContain('Combined:\t256');
      expect(await network.ok(1, 'lspci -vv')).toContain('Count=514');
      expect(await network.ok(1, 'ping -c 5 -i 0.05 10.0.0.2')).toContain(noLoss);
      expect(network.faults).toEqual([]);
    }));

  it('gives a card on a loopback everything back that it sends', async () => {
    const [guest] = await startGuests({ count: 1 });
    try {
      const { device } = await guest.addCard({ address: '10.0.0.1/24' });
      connect(device, new Loopback());
      const { status, output } = await guest.run(
        'ethtool -L eth0 combined 4; ip neigh add 10.0.0.9 lladdr 52:54:00:00:00:09 dev eth0; ' +
          `tcpdump -i eth0 -Q in -c 20 -w /tmp/in icmp and dst 10.0.0.9 2>/tmp/started & ${capturing}; ` +
          'ping -c 20 -i 0.05 -W 1 10.0.0.9 >/dev/null; wait; tcpdump -r /tmp/in 2>/dev/null | grep -c "ICMP echo request"',
      );
      expect(output.trim()).toBe('20');
      expect(status).toBe(0);
      const total = (count: 'rxFrames' | 'txFrames'): number =>
        device.counters.reduce((sum, lane) => sum + lane[count], 0);
      // What the guest sends to a multicast group that it has not joined, its card does not let in again.
      const filtered = device.counters.reduce((sum, lane) => sum + (lane.filtered.multicast ?? 0), 0);
      expect(total('rxFrames') + filtered).toBe(total('txFrames'));
    } finally {
      await guest.stop();
    }
  });
});
