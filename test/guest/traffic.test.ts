import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCard } from '../fabric/card.js';
import { copyFile, linkShows, startNetwork, type Network } from './network.js';

describe('traffic between two guests with four queue pairs', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 4 } });
    for (const guest of [1, 2]) await network.ok(guest, 'ethtool -L eth0 combined 4');
  });
  afterAll(() => network.stop());

  it.each([
    [1, 2],
    [2, 1],
  ])('guest %i pings guest %i with every kind of size from nothing to the MTU', async (from, to) => {
    // 1472 bytes fill the MTU of 1500; what is longer goes in fragments.
    for (const size of [0, 1, 17, 18, 63, 64, 65, 511, 1000, 1471, 1472, 1473, 4000]) {
      expect(await network.ok(from, `ping -c 2 -i 0.05 -s ${size} 10.0.0.${to}`)).toContain(' 0% packet loss');
    }
  });

  it('carries a file of 16 MiB unchanged', async () => {
    expect(await copyFile(network, 16 << 20)).toBe(true);
  });

  it('carries TCP both ways at once', async () => {
    expect(await network.ok(1, 'iperf3 -c 10.0.0.2 -P 4 -t 3 --bidir')).toContain('iperf Done.');
  });

  it('carries broadcasts to a guest that is busy, which can not wait at their sender', async () => {
    const listener = new TestCard(3).plugInto(network.fabric.addPort('listener'));
    await network.ok(2, 'ethtool -L eth0 combined 1');
    const broadcasts = 'ping -q -s 8000 -i 0.02 -c 250 10.0.0.255 >/tmp/broadcasts 2>&1';
    await network.ok(1, `${broadcasts} & iperf3 -c 10.0.0.2 -P 4 -t 4; kill $!`);
    await network.ok(2, 'ethtool -L eth0 combined 4');
    expect(listener.received.length).toBeGreaterThan(100);
    expect(network.drops()).toEqual([]);
    network.fabric.removePort(listener.peer!);
  });

  it('carries UDP without loss at a rate that both can keep up with', async () => {
    // What a guest that was not run for a while finds all at once, its socket may have no room for.
    const overflowed = async (): Promise<number> =>
      Number(await network.ok(2, `awk '/^Udp: [0-9]/ { print $6 }' /proc/net/snmp`));
    const before = await overflowed();
    const result = JSON.parse(await network.ok(1, 'iperf3 -c 10.0.0.2 -u -b 1M -l 1400 -t 3 --json')) as UdpResult;
    expect(result.end.sum.packets).toBeGreaterThan(100);
    expect(result.end.sum.lost_packets).toBeLessThanOrEqual((await overflowed()) - before);
    expect(network.drops()).toEqual([]);
  });

  it('keeps to a smaller MTU', async () => {
    for (const guest of [1, 2]) await network.ok(guest, 'ip link set eth0 mtu 900');
    expect(await network.ok(1, 'ping -c 3 -i 0.05 -s 1400 10.0.0.2')).toContain(' 0% packet loss');
    await network.ok(1, 'iperf3 -c 10.0.0.2 -t 1');
    for (const guest of [1, 2]) await network.ok(guest, 'ip link set eth0 mtu 1500');
    expect(await network.status(1, 'ip link set eth0 mtu 1501')).not.toBe(0);
  });

  it('goes on after a change of the MAC address, which the device learns', async () => {
    await network.ok(1, 'ip link set eth0 address 52:54:00:aa:bb:cc');
    expect(network.cards[0].device.mac).toBe('52:54:00:aa:bb:cc');
    expect(await network.ok(1, 'ping -c 3 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
    expect(await network.ok(2, 'ip neigh show 10.0.0.1')).toContain('52:54:00:aa:bb:cc');
  });

  it('sees the link go down and come up again', async () => {
    network.cards[0].device.setLink(false);
    await network.ok(1, linkShows('NO-CARRIER'));
    network.cards[0].device.setLink(true);
    await network.ok(1, linkShows('LOWER_UP'));
    expect(await network.ok(1, 'ping -c 3 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
  });

  it('switches pairs under traffic without a retransmission on account of it', async () => {
    const copy = 'iperf3 -c 10.0.0.2 -P 4 -t 6 --json';
    const switching = 'sleep 1; for n in 1 3 2 4 1 4; do ethtool -L eth0 combined $n; sleep 0.5; done';
    await network.ok(
      1,
      `(${switching}) >/tmp/switching 2>&1 & ${copy} >/tmp/iperf; wait; ! grep -i error /tmp/switching`,
    );
    expect(network.drops().filter((drop) => !drop.includes('linkDown'))).toEqual([]);
  });

  it('has drivers that break no rule', () => {
    expect(network.brokenRules()).toEqual([]);
  });
});

interface UdpResult {
  end: { sum: { packets: number; lost_packets: number } };
}
