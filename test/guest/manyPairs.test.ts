import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interrupts, range, since, startNetwork, type Network } from './network.js';

describe('256 queue pairs, which need more vectors than the kernel has', () => {
  let network: Network;

  beforeAll(async () => {
    // Short queues: the driver fills every receive queue with buffers.
    network = await startNetwork({ card: { queuePairs: 256, queueSize: 32 } });
  });
  afterAll(() => network.stop());

  const ok = (command: string): Promise<string> => network.ok(1, command);
  const pings = (): Promise<string> => ok('ping -c 5 -i 0.05 10.0.0.2');

  it('share one vector, and one is for the configuration', async () => {
    const before = await interrupts(network, 1);
    expect(Array.from(before.keys()).sort()).toEqual(['config', 'virtqueues']);
    expect(await pings()).toContain(' 0% packet loss');
    expect(since(before, await interrupts(network, 1)).get('virtqueues')).toBeGreaterThan(0);
  });

  it('are all used', async () => {
    await ok('ethtool -L eth0 combined 256');
    expect(await ok('ethtool -l eth0')).toMatch(/^Combined:\s+256$/m);
    expect(network.cards[0].device.lanes).toBe(256);
    await ok('ethtool -X eth0 start 128 equal 128');
    const table = network.cards[0].device.multiqueue.save().rss?.indirection;
    expect(table).toEqual(range(128).map((index) => 128 + index));
    await network.ok(2, `bash -c 'for port in {1000..1199}; do echo flow >/dev/udp/10.0.0.1/$port; done; true'`);
    expect(await ok('iperf3 -c 10.0.0.2 -P 4 -t 1')).toContain('iperf Done.');
    const used = network.cards[0].device.counters.filter(({ rxFrames }, pair) => pair >= 128 && rxFrames > 0);
    expect(used.length).toBeGreaterThan(64);
    expect(network.drops()).toEqual([]);
  });

  it('work by INTx when the kernel is told to leave message signalled interrupts alone', async () => {
    const slot = `0000:00:${network.cards[0].slot.toString(16).padStart(2, '0')}.0`;
    const driver = '/sys/bus/pci/drivers/virtio-pci';
    await ok(
      `echo ${slot} >${driver}/unbind; echo 0 >/sys/bus/pci/devices/${slot}/msi_bus; echo ${slot} >${driver}/bind`,
    );
    await ok('i=0; until [ -e /sys/class/net/eth0 ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.05; done');
    await ok('ip address add 10.0.0.1/24 dev eth0; ip link set eth0 up; ethtool -L eth0 combined 256');
    const count = async (): Promise<number> =>
      Number(/(\d+)\s+IO-APIC.*virtio/.exec(await ok('cat /proc/interrupts'))?.[1]);
    const before = await count();
    expect(await ok('lspci -vv -d 1af4:')).toContain('MSI-X: Enable-');
    expect(await pings()).toContain(' 0% packet loss');
    expect(await count()).toBeGreaterThan(before);
    expect(await ok('iperf3 -c 10.0.0.2 -P 2 -t 1')).toContain('iperf Done.');
  });
});

describe('64 queue pairs', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ count: 1, card: { queuePairs: 64, queueSize: 32 } });
  });
  afterAll(() => network.stop());

  it('have a vector for each of their queues', async () => {
    const names = Array.from((await interrupts(network, 1)).keys());
    expect(names.length).toBe(129);
  });
});
