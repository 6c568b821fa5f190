import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNetwork, type Network } from './network.js';

const queuePairs = 4;

/** What Debian's 6.1 virtio_net does where its device can, by ethtool's names. The rest of -k is not the device's. */
const offloads = [
  'rx-checksumming',
  'tx-checksum-ip-generic',
  'tx-tcp-segmentation',
  'tx-tcp-ecn-segmentation',
  'tx-tcp6-segmentation',
  'rx-gro-hw',
  'rx-vlan-filter',
  'receive-hashing',
];

describe('ethtool of a card at its defaults', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ count: 1, card: { queuePairs } });
  });
  afterAll(() => network.stop());

  const ethtool = (what: string): Promise<string> => network.ok(1, `ethtool ${what}`);

  /** The values of an output of lines like "rx-usecs: 0". */
  async function values(what: string): Promise<Map<string, string>> {
    const lines = (await ethtool(what)).split('\n').map((line) => /^\s*([^:]+):\s*(.*?)\s*$/.exec(line));
    return new Map(lines.flatMap((found) => (found ? [[found[1], found[2]] as const] : [])));
  }

  it('-k: what the driver can do is on, or can be turned on', async () => {
    const features = await values('-k eth0');
    for (const name of offloads) {
      expect(features.get(name), name).toBeDefined();
      expect(features.get(name), name).not.toBe('off [fixed]');
    }
    for (const name of offloads.filter((name) => name !== 'receive-hashing'))
      expect(features.get(name), name).toMatch(/^on/);
  });

  it('-k: and it can be turned off and on, unless it is fixed', async () => {
    const features = await values('-k eth0');
    for (const name of offloads.filter((name) => !features.get(name)!.includes('[fixed]'))) {
      const [before] = features.get(name)!.split(' ');
      const other = before === 'on' ? 'off' : 'on';
      await ethtool(`-K eth0 ${name} ${other}`);
      expect((await values('-k eth0')).get(name), name).toBe(other);
      await ethtool(`-K eth0 ${name} ${before}`);
      expect((await values('-k eth0')).get(name), name).toBe(before);
    }
  });

  it('-l: as many channels as the card has pairs, all in use or to be used', async () => {
    expect((await ethtool('-l eth0')).match(/^Combined:\s+(\d+)$/m)?.[1]).toBe(String(queuePairs));
    await network.status(1, `ethtool -L eth0 combined ${queuePairs}`);
    expect(network.cards[0].device.lanes).toBe(queuePairs);
  });

  it('-x: a table for the receive hash, a key and a function', async () => {
    // Debian's 6.1 fills the table for the one pair that it starts with, and leaves it to -X to use more.
    await ethtool(`-X eth0 equal ${queuePairs}`);
    const text = await ethtool('-x eth0');
    const rows = Array.from(text.matchAll(/^ +\d+: +([\d ]+)$/gm), ([, row]) =>
      row.trim().split(/ +/).map(Number),
    ).flat();
    expect(new Set(rows)).toEqual(new Set([0, 1, 2, 3]));
    expect(text).toMatch(/RSS hash key:\n(?:[0-9a-f]{2}:){39}[0-9a-f]{2}$/m);
    expect(text).toMatch(/toeplitz: on/);
  });

  it('-n: the fields that are hashed', async () => {
    expect(await ethtool('-n eth0 rx-flow-hash tcp4')).toMatch(/IP SA\nIP DA\nL4 bytes 0 & 1/);
  });

  it('-c: how long interrupts wait', async () => {
    const settings = await values('-c eth0');
    for (const name of ['rx-usecs', 'rx-frames', 'tx-usecs', 'tx-frames']) expect(settings.get(name)).toMatch(/^\d+$/);
    await ethtool('-C eth0 rx-usecs 100 rx-frames 8 tx-usecs 100 tx-frames 8');
    expect((await values('-c eth0')).get('rx-usecs')).toBe('100');
    await ethtool('-C eth0 rx-usecs 0 rx-frames 0 tx-usecs 0 tx-frames 1');
  });

  it('-g: the sizes of the rings, which can be changed', async () => {
    const rings = await ethtool('-g eth0');
    expect(rings.match(/^(?:RX|TX):\s+256$/gm)?.length).toBe(4);
    await ethtool('-G eth0 rx 128 tx 64');
    const smaller = await ethtool('-g eth0');
    expect(smaller).toMatch(/Current hardware settings:\nRX:\s+128\n[^]*TX:\s+64/);
    await ethtool('-G eth0 rx 256 tx 256');
  });

  it('-S: counters of every queue', async () => {
    const counters = await values('-S eth0');
    for (let queue = 0; queue < queuePairs; queue++) {
      for (const name of [`rx_queue_${queue}_packets`, `tx_queue_${queue}_packets`]) {
        expect(counters.get(name), name).toMatch(/^\d+$/);
      }
    }
  });

  it('-i: the driver and the place of the card', async () => {
    const information = await values('-i eth0');
    expect(information.get('driver')).toBe('virtio_net');
    expect(information.get('bus-info')).toBe(`0000:00:${network.cards[0].slot.toString(16).padStart(2, '0')}.0`);
  });

  it('alone: speed, duplex mode and link', async () => {
    const settings = await values('eth0');
    expect(settings.get('Speed')).toMatch(/^\d+Mb\/s$/);
    expect(settings.get('Duplex')).toBe('Full');
    expect(settings.get('Link detected')).toBe('yes');
  });

  it('never makes the driver break a rule', () => {
    expect(network.brokenRules()).toEqual([]);
  });
});
