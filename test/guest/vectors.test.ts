import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { interrupts, since, startNetwork, type Network } from './network.js';

const queuePairs = 2;

describe('a card with fewer vectors than queues', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs } });
    await network.ok(2, 'ip address add 10.0.1.2/24 dev eth0');
  });
  afterAll(() => network.stop());

  it.each([
    // Linux wants one for the configuration and for each queue but the control queue.
    { vectors: 2 * queuePairs, names: ['config', 'virtqueues'] },
    { vectors: 1, names: [] },
    { vectors: 0, names: [] },
  ])('of $vectors works in a real kernel, which falls back as it can', async ({ vectors, names }) => {
    const port = network.fabric.addPort(`with ${vectors} vectors`);
    const card = await network.guests[0].addCard({ address: '10.0.1.1/24', queuePairs, vectors, port });
    const name = (await network.ok(1, `basename $(readlink /sys/class/net/${card.interfaceName}/device)`)).trim();
    expect(Array.from((await interrupts(network, 1, name)).keys())).toEqual(names);
    const inUse = names.length > 0 ? 'Enable+' : 'Enable-';
    const text = await network.ok(1, `lspci -vv -s ${card.slot.toString(16)}`);
    if (vectors > 0) expect(text).toContain(`MSI-X: ${inUse} Count=${vectors}`);
    else expect(text).not.toContain('MSI-X');
    if (names.length === 0)
      expect(await network.ok(1, 'cat /proc/interrupts')).toMatch(new RegExp(`IO-APIC.*${name}$`, 'm'));

    const before = await interrupts(network, 1, name);
    await network.ok(1, `ethtool -L ${card.interfaceName} combined ${queuePairs}`);
    expect(await network.ok(1, 'ping -c 5 -i 0.05 -s 1400 -I 10.0.1.1 10.0.1.2')).toContain(' 0% packet loss');
    expect(await network.ok(1, 'iperf3 -c 10.0.1.2 -B 10.0.1.1 -P 4 -t 1')).toContain('iperf Done.');
    if (names.length > 0) {
      const fired = since(before, await interrupts(network, 1, name));
      expect(fired.get('virtqueues')).toBeGreaterThan(0);
      const uses = card.function.vectorUses().map(({ use }) => use);
      expect(uses.slice(0, 2)).toEqual(['config', 'input.0 output.0 input.1 output.1']);
    }
    expect(network.drops()).toEqual([]);
    await card.unplug();
  });

  it('breaks no rule', () => {
    expect(network.faults).toEqual([]);
  });
});
