import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { attachVirtioNet, UnplugError, type VirtioNetCard } from '../../src/hosts/v86/index.js';
import { startNetwork, type Network } from './network.js';

/** Waits in a guest until a shell condition holds. */
const until = (condition: string): string =>
  `tries=0; until ${condition}; do tries=$((tries + 1)); [ $tries -le 1000 ] || exit 1; sleep 0.05; done`;

/** A number that a shell command prints. */
const number = async (network: Network, command: string): Promise<number> => Number(await network.ok(1, command));

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

describe('a running guest', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 2 } });
    await network.ok(2, 'ip address add 10.0.1.2/24 dev eth0');
  });
  afterAll(() => network.stop());

  const plug = (): VirtioNetCard =>
    attachVirtioNet(network.guests[0].emulator, { queuePairs: 2, port: network.fabric.addPort('eth1 of guest 1') });
  const setUp = `${until('[ -e /sys/class/net/eth1 ]')}; ifconfig eth1 10.0.1.1 netmask 255.255.255.0 up`;
  const used = 'grep -c virtio /proc/interrupts; grep -c virtio /proc/iomem; ls /sys/bus/pci/devices /proc/irq | wc -l';

  it('finds a card that is plugged in, without being told to look, and gives it up when asked', async () => {
    const before = await network.ok(1, used);
    const card = plug();
    await network.ok(1, setUp);
    expect(await network.ok(1, 'ping -c 3 -i 0.05 -I eth1 10.0.1.2')).toContain(' 0% packet loss');
    await card.unplug();
    expect(await network.status(1, '[ -e /sys/class/net/eth1 ]')).toBe(1);
    expect(await network.status(1, `[ -e /sys/bus/pci/devices/0000:00:0${card.slot}.0 ]`)).toBe(1);
    expect(await network.ok(1, used)).toBe(before);
    expect(card.device.connectedTo).toBeUndefined();
    await expect(card.unplug()).rejects.toBeInstanceOf(UnplugError);
  });

  it('can eject a card by itself', async () => {
    const card = plug();
    let gone = false;
    card.onUnplugged.on(() => (gone = true));
    await network.ok(1, setUp);
    await network.ok(1, `echo 0 >/sys/bus/pci/slots/${card.slot}/power`);
    expect(gone).toBe(true);
    expect(await network.status(1, '[ -e /sys/class/net/eth1 ]')).toBe(1);
  });

  it('may eject the card that it came up with', async () => {
    const [{ slot }] = network.cards;
    expect(await network.status(1, `[ -w /sys/bus/pci/slots/${slot}/power ]`)).toBe(0);
  });

  it('gains and loses a card fifty times under traffic, and nothing is left behind', { timeout: 600_000 }, async () => {
    const rounds = 50;
    const cards: WeakRef<VirtioNetCard>[] = [];
    const port = network.fabric.addPort('eth1 of guest 1, again');
    // Traffic through the card that stays, and to the one that comes and goes.
    await network.ok(1, 'iperf3 -c 10.0.0.2 -t 600 -b 2M >/tmp/iperf 2>&1 </dev/null & echo $! >/tmp/iperf.pid');
    const datagrams = 'while :; do echo traffic >/dev/udp/10.0.1.1/9; sleep 0.05; done';
    await network.ok(2, `bash -c '${datagrams}' >/dev/null 2>&1 </dev/null & echo $! >/tmp/datagrams`);
    let settled = { use: '', slab: 0 };
    const round = async (count: number): Promise<void> => {
      const card = attachVirtioNet(network.guests[0].emulator, { queuePairs: 2, port });
      cards.push(new WeakRef(card));
      await network.ok(1, `${setUp}; ${until('ping -c 1 -W 1 -I eth1 10.0.1.2 >/dev/null')}`);
      expect(card.device.counters[0].rxFrames, `round ${count}`).toBeGreaterThan(0);
      await card.unplug();
    };
    const state = async (): Promise<typeof settled> => ({
      use: await network.ok(1, used),
      slab: await number(
        network,
        'echo 3 >/proc/sys/vm/drop_caches; sed -n "s/^SUnreclaim: *\\([0-9]*\\).*/\\1/p" /proc/meminfo',
      ),
    });
    for (let i = 1; i <= rounds; i++) {
      await round(i);
      // The first rounds may fill the kernel's caches.
      if (i === 10) settled = await state();
    }
    const end = await state();
    expect(end.use).toBe(settled.use);
    // In KiB: a card's queues alone are 40.
    expect(end.slab - settled.slab).toBeLessThan(40 * 10);
    expect(await network.ok(1, 'ls /sys/class/net')).toMatch(/^eth0\s+lo\s*$/);
    expect(await network.status(1, 'kill -0 $(cat /tmp/iperf.pid)')).toBe(0);
    expect(await network.ok(1, 'ping -c 5 -i 0.05 10.0.0.2')).toContain(' 0% packet loss');
    await network.ok(1, 'kill $(cat /tmp/iperf.pid)');
    await network.ok(2, 'kill $(cat /tmp/datagrams)');
    collectGarbage();
    expect(cards.filter((card) => card.deref() !== undefined).length).toBeLessThan(3);
    expect(await network.ok(1, 'dmesg')).not.toMatch(/BUG|WARNING|Oops|leak/);
    expect(network.faults).toEqual([]);
  });
});
