import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyFile, interrupts, linkShows, range, since, startNetwork, type Network } from './network.js';

const pairs = 4;

/** Guest 1 is told to use the legacy interface, guest 2 takes what the same kind of card offers it. */
describe('transitional cards in real kernels', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: pairs, transitional: true } });
    await network.ok(1, 'rmmod virtio_net virtio_pci && modprobe virtio_pci force_legacy=1 && modprobe virtio_net');
    await network.ok(
      1,
      'i=0; until [ -e /sys/class/net/eth0 ]; do i=$((i + 1)); [ $i -lt 200 ] || exit 1; sleep 0.05; done',
    );
    await network.ok(1, 'ip address add 10.0.0.1/24 dev eth0; ip link set eth0 up');
    for (const guest of [1, 2]) await network.status(guest, `ethtool -L eth0 combined ${pairs}`);
  });
  afterAll(() => network.stop());

  const slot = (guest: number): string => network.cards[guest - 1].slot.toString(16);
  /** The name of an interface's virtio device, which counts up each time that a driver comes. */
  const device = async (guest: number, name = 'eth0'): Promise<string> =>
    (await network.ok(guest, `basename $(readlink -f /sys/class/net/${name}/device)`)).trim();

  it('are transitional to lspci', async () => {
    const text = await network.ok(2, `lspci -vvnn -s ${slot(2)}`);
    expect(text).toMatch(/\[1af4:1000\](?! \(rev)/);
    expect(text).toContain('[1af4:0001]');
    expect(text).toMatch(/Region 0: I\/O ports at [1-9a-f][0-9a-f]{3} \[size=64\]/);
    expect(text).toMatch(/Region 1: Memory at [0-9a-f]{8} \(32-bit, non-prefetchable\) \[size=128K\]/);
    for (const structure of ['CommonCfg', 'Notify', 'ISR', 'DeviceCfg']) {
      expect(text).toMatch(new RegExp(`VirtIO: ${structure}\\s+BAR=1 `));
    }
  });

  it.each([
    [1, 'legacy'],
    [2, 'modern'],
  ])('guest %i uses the %s interface, and has the features that the card recorded', async (guest, kind) => {
    const { negotiation } = network.cards[guest - 1].function;
    const text = (await network.ok(guest, `cat /sys/bus/virtio/devices/${await device(guest)}/features`)).trim();
    const features = BigInt(`0b${Array.from(text).reverse().join('')}`);
    expect(features).toBe(negotiation.features);
    expect(negotiation.usesLegacy).toBe(kind === 'legacy');
    // VERSION_1 and ANY_LAYOUT.
    expect([text[32], text[27]]).toEqual(kind === 'legacy' ? ['0', '1'] : ['1', '0']);
  });

  it('have all their channels and an MSI-X vector for each queue with a legacy driver too', async () => {
    expect(await network.ok(1, 'ethtool -l eth0')).toMatch(/Combined:\s+4[^]*Combined:\s+4/);
    expect(network.cards[0].device.lanes).toBe(pairs);
    const names = Array.from((await interrupts(network, 1, await device(1))).keys());
    const queues = range(pairs).flatMap((pair) => [`input.${pair}`, `output.${pair}`]);
    expect(names.sort()).toEqual(['config', ...queues].sort());
  });

  it.each([
    [1, 2],
    [2, 1],
  ])('carry a file of 4 MiB from guest %i to guest %i unchanged', async (from, to) => {
    expect(await copyFile(network, 4 << 20, [from, to])).toBe(true);
  });

  it('interrupt for every pair of a legacy driver', async () => {
    const name = await device(1);
    const before = await interrupts(network, 1, name);
    await network.ok(1, 'iperf3 -c 10.0.0.2 -P 32 -n 2M --bidir', 240_000);
    const fired = since(before, await interrupts(network, 1, name));
    for (const pair of range(pairs)) {
      expect(fired.get(`input.${pair}`), `input.${pair}`).toBeGreaterThan(0);
      expect(fired.get(`output.${pair}`), `output.${pair}`).toBeGreaterThan(0);
    }
  });

  it('have their address, link and number of channels changed by a legacy driver', async () => {
    await network.ok(1, 'ip link set eth0 address 52:54:00:aa:bb:cc');
    expect(network.cards[0].device.mac).toBe('52:54:00:aa:bb:cc');
    network.cards[0].device.setLink(false);
    await network.ok(1, linkShows('NO-CARRIER'));
    network.cards[0].device.setLink(true);
    await network.ok(1, linkShows('LOWER_UP'));
    await network.ok(1, 'ethtool -L eth0 combined 2');
    expect(network.cards[0].device.lanes).toBe(2);
    expect(await network.ok(1, 'ping -c 3 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
  });

  it('serve a legacy driver without mergeable buffers, whose headers have 10 bytes, and without MSI-X', async () => {
    const { guests, fabric } = network;
    const card = await guests[0].addCard({
      ...{ transitional: true, queuePairs: 1, features: { VIRTIO_NET_F_MRG_RXBUF: false }, vectors: 0 },
      ...{ address: '10.0.1.1/24', port: fabric.addPort('second card of guest 1') },
      onAttach: ({ function: pci }) => pci.onFault.on((event) => network.faults.push(event)),
    });
    expect(card.function.negotiation.usesLegacy).toBe(true);
    await network.ok(2, 'ip address add 10.0.1.2/24 dev eth0');
    for (const size of [0, 17, 1472, 4000]) {
      expect(await network.ok(1, `ping -c 2 -i 0.05 -s ${size} 10.0.1.2`)).toContain(' 0% packet loss');
    }
    expect(await network.ok(1, 'iperf3 -c 10.0.1.2 -t 1 --bidir')).toContain('iperf Done.');
    expect(card.function.msix.enabled).toBe(false);
    const name = await device(1, card.interfaceName);
    expect(await network.ok(1, `grep -w ${name} /proc/interrupts`)).toMatch(/:\s+[1-9]\d* .*fasteoi/);
    const [lane] = card.device.counters;
    expect([lane.rxBytes > 1e5, lane.txBytes > 1e5, lane.dropped]).toEqual([true, true, {}]);
  });

  it('go back to the modern interface with the next driver', async () => {
    await network.ok(1, 'rmmod virtio_net virtio_pci && modprobe virtio_pci && modprobe virtio_net');
    await network.ok(
      1,
      'i=0; until [ -e /sys/class/net/eth0 ]; do i=$((i + 1)); [ $i -lt 200 ] || exit 1; sleep 0.05; done',
    );
    await network.ok(1, 'ip address add 10.0.0.1/24 dev eth0; ip link set eth0 up');
    expect(network.cards[0].function.negotiation.usesLegacy).toBe(false);
    expect(await network.ok(1, 'ping -c 3 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
  });

  it('have drivers that break no rule', () => {
    expect(network.brokenRules()).toEqual([]);
  });
});
