import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interrupts, range, since, startNetwork, type Network } from './network.js';

/** Flows choose their queue by hash: with this many for each pair none stays without one. */
const flowsPerPair = 8;

describe.each([1, 2, 4, 8])('a card of %i queue pairs in a real kernel', (pairs) => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: pairs } });
  });
  afterAll(() => network.stop());

  const flows = (count: number): Promise<string> =>
    network.ok(1, `iperf3 -c 10.0.0.2 -P ${Math.min(count * flowsPerPair, 64)} -n 8M`, 240_000);

  it('is a virtio_net device to ethtool -i', async () => {
    const text = await network.ok(1, 'ethtool -i eth0');
    expect(text).toMatch(/^driver: virtio_net$/m);
    expect(text).toMatch(/^bus-info: 0000:00:[0-9a-f]{2}\.0$/m);
  });

  it('has that many channels in ethtool -l', async () => {
    const [maximum] = combined(await network.ok(1, 'ethtool -l eth0'));
    expect(maximum).toBe(pairs);
  });

  it('refuses no channel at all and one too many', async () => {
    const before = await network.ok(1, 'ethtool -l eth0');
    expect(await network.status(1, 'ethtool -L eth0 combined 0')).not.toBe(0);
    expect(await network.status(1, `ethtool -L eth0 combined ${pairs + 1}`)).not.toBe(0);
    expect(await network.ok(1, 'ethtool -l eth0')).toBe(before);
  });

  it('takes each number of channels in between, and the device follows', async () => {
    for (const guest of [1, 2]) {
      for (const count of [1, pairs]) {
        // ethtool refuses to set what is set already, with status 80 in older releases.
        await network.status(guest, `ethtool -L eth0 combined ${count}`);
        expect(combined(await network.ok(guest, 'ethtool -l eth0'))).toEqual([pairs, count]);
        expect(network.cards[guest - 1].device.lanes).toBe(count);
      }
    }
  });

  it('names an interrupt for the configuration and one for each queue', async () => {
    const names = Array.from((await interrupts(network, 1)).keys());
    const queues = range(pairs).flatMap((pair) => [`input.${pair}`, `output.${pair}`]);
    expect(names.sort()).toEqual(['config', ...queues].sort());
  });

  it('shows lspci MSI-X with two vectors for each pair and two more, and the virtio capabilities', async () => {
    const text = await network.ok(1, `lspci -vv -s ${network.cards[0].slot.toString(16)}`);
    expect(text).toContain('Virtio 1.0 network device');
    expect(text).toContain(`MSI-X: Enable+ Count=${2 * pairs + 2} Masked-`);
    for (const structure of ['CommonCfg', 'Notify', 'ISR', 'DeviceCfg']) expect(text).toContain(`VirtIO: ${structure}`);
    // Debian 12's lspci has no name yet for the PCI access capability.
    expect(text.replace('VirtIO: <unknown>', '')).not.toMatch(/corrupt|<access denied>|\?\?\?|unknown/i);
  });

  it('interrupts for every pair in use, and for no other, without a drop', async () => {
    const before = [await interrupts(network, 1), await interrupts(network, 2)];
    await flows(pairs);
    for (const guest of [1, 2]) {
      const fired = since(before[guest - 1], await interrupts(network, guest));
      for (const pair of range(pairs)) {
        expect(fired.get(`input.${pair}`), `input.${pair} of guest ${guest}`).toBeGreaterThan(0);
        expect(fired.get(`output.${pair}`), `output.${pair} of guest ${guest}`).toBeGreaterThan(0);
      }
    }
    expect(network.drops()).toEqual([]);
  });

  it('leaves pairs alone that are not in use any more', async () => {
    const used = Math.max(1, pairs / 2);
    for (const guest of [1, 2]) await network.status(guest, `ethtool -L eth0 combined ${used}`);
    const before = [await interrupts(network, 1), await interrupts(network, 2)];
    await flows(used);
    for (const guest of [1, 2]) {
      const fired = since(before[guest - 1], await interrupts(network, guest));
      for (const pair of range(pairs)) {
        const count = (fired.get(`input.${pair}`) ?? 0) + (fired.get(`output.${pair}`) ?? 0);
        if (pair < used) expect(count, `pair ${pair}`).toBeGreaterThan(0);
        else expect(count, `pair ${pair}`).toBe(0);
      }
    }
    expect(network.drops()).toEqual([]);
  });

  it('has a driver that breaks no rule', () => {
    expect(network.brokenRules()).toEqual([]);
  });
});

/** The maximum and the current number of combined channels. */
function combined(text: string): number[] {
  return Array.from(text.matchAll(/^Combined:\s+(\d+)$/gm), ([, count]) => Number(count));
}
