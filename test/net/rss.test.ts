import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { microsoftKey, naiveHash, type NaivePacket } from '../support/naiveHash.js';
import {
  feature,
  newCard,
  NetDriver,
  runningCard,
  type CardOptions,
  type DriverOptions,
} from '../support/netDriver.js';
import { hashTunnel, rssCommand, rssConfig, type RssSettings } from '../support/rssCommands.js';
import { carries, ethernet, packetFrame, ipPacket, vxlan } from '../support/tunnels.js';
import { frameOf } from '../support/wire.js';

const [ok, error] = [0, 1];

const packet = (n: number): NaivePacket => ({
  source: [10, 0, 0, 1 + (n % 5)],
  destination: [10, 0, 0, 2],
  protocol: n % 2 === 0 ? 6 : 17,
  sourcePort: 1000 + n,
  destinationPort: 80,
});
const bytes = (packet: NaivePacket): Uint8Array => Uint8Array.from(packetFrame(packet));
const arp = Uint8Array.from(ethernet(carries.arp, new Array<number>(46).fill(0)));

function rssCard(options: CardOptions = {}, driverOptions: DriverOptions = {}) {
  const parts = runningCard({ queuePairs: 4, queueSize: 64, memory: 0x400000, ...options }, driverOptions);
  const { driver, wire } = parts;
  const { maxPairs } = driver;
  for (let pair = 0; pair < maxPairs; pair++) driver.giveBuffers(pair, ...new Array<number[]>(32).fill([400]));
  return {
    ...parts,
    setRss: (settings: RssSettings = {}) => driver.command(...rssCommand.rss, rssConfig(settings)),
    /** The pair on which this frame is received. */
    land: (frame: Uint8Array): number => {
      wire.deliver(frame);
      const pairs = Array.from({ length: maxPairs }, (_, pair) => pair);
      const [landed, ...more] = pairs.filter((pair) => driver.frames(pair).length > 0);
      expect(more).toEqual([]);
      return landed;
    },
  };
}

describe('receive-side scaling (5.1.6.5.7)', () => {
  it('puts each packet where the table says, by the hash of the independent implementation', () => {
    const { setRss, land } = rssCard();
    const table = [3, 0, 1, 1, 2, 3, 0, 2];
    expect(setRss({ table })).toBe(ok);
    const landed = Array.from({ length: 40 }, (_, n) => {
      const pair = land(bytes(packet(n)));
      expect(pair).toBe(table[naiveHash(microsoftKey, 0x3f, packet(n)).hash % table.length]);
      return pair;
    });
    expect(new Set(landed).size).toBe(4);
  });

  it('for any key, types and table', () => {
    const parts = rssCard({ memory: 0x1000000 });
    parts.machine.watching = false;
    const settings = fc.record({
      hashTypes: fc.nat(0x1ff),
      key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      table: fc.nat(7).chain((log) => fc.array(fc.nat(3), { minLength: 2 ** log, maxLength: 2 ** log })),
      unclassified: fc.nat(3),
    });
    fc.assert(
      fc.property(settings, fc.array(fc.nat(1000), { maxLength: 10 }), (settings, numbers) => {
        expect(parts.setRss(settings)).toBe(ok);
        const { table } = settings;
        for (const n of numbers) {
          const { hash, report } = naiveHash(settings.key, settings.hashTypes, packet(n));
          const expected = report === 0 ? settings.unclassified : table[hash & (table.length - 1)];
          expect(parts.card.steer(frameOf(bytes(packet(n))))).toBe(expected);
        }
      }),
    );
  });

  it('puts what has no hash on the unclassified queue', () => {
    const { setRss, land } = rssCard();
    setRss({ unclassified: 2, table: [1] });
    expect(land(arp)).toBe(2);
    expect(land(bytes(packet(1)))).toBe(1);
    setRss({ unclassified: 3, table: [1], hashTypes: 0 });
    expect(land(bytes(packet(1)))).toBe(3);
  });

  it('goes by the table, whatever the driver sends where', () => {
    const { driver, setRss, land } = rssCard();
    setRss({ table: [2] });
    driver.send(1, bytes({ ...packet(1), source: packet(1).destination, destination: packet(1).source }));
    expect(land(bytes(packet(1)))).toBe(2);
  });

  it('takes the longest table and key there may be', () => {
    const { setRss, land } = rssCard();
    const table = Array.from({ length: 128 }, (_, index) => (index * 7) % 4);
    expect(setRss({ table })).toBe(ok);
    for (let n = 0; n < 20; n++) {
      expect(land(bytes(packet(n)))).toBe(table[naiveHash(microsoftKey, 0x3f, packet(n)).hash & 127]);
    }
  });

  it('goes on to all of 256 pairs', () => {
    const { driver, card } = runningCard({ queuePairs: 256, queueSize: 4, memory: 0x200000 });
    const table = Array.from({ length: 128 }, (_, index) => 2 * index + 1);
    expect(driver.command(...rssCommand.rss, rssConfig({ table, transmitPairs: 256 }))).toBe(ok);
    for (let n = 0; n < 20; n++) {
      const { hash } = naiveHash(microsoftKey, 0x3f, packet(n));
      expect(card.steer(frameOf(bytes(packet(n))))).toBe(table[hash & 127]);
    }
    expect(card.lanes).toBe(256);
  });

  it('delivers a frame that waited for a pair which left the table to one that is in it', () => {
    const { card, driver, setRss } = rssCard();
    setRss({ table: [0, 1] });
    card.send(frameOf(bytes(packet(1))), 3);
    card.flush();
    expect(driver.frames(3)).toEqual([]);
    expect([...driver.frames(0), ...driver.frames(1)].length).toBe(1);
  });

  it('needs no VIRTIO_NET_F_MQ', () => {
    const features = feature.version1 | feature.controlQueue | feature.rss;
    const { driver, setRss, land } = rssCard({}, { features });
    expect(driver.controlQueue).toBe(8);
    expect(setRss({ table: [3, 2] })).toBe(ok);
    expect(land(bytes(packet(1)))).toBeGreaterThan(1);
    expect(driver.setPairs(2)).toBe(error);
  });

  it('gives way to automatic steering, and comes back: the last command decides', () => {
    const { driver, setRss, land, card } = rssCard();
    setRss({ table: [3], transmitPairs: 2 });
    expect(card.lanes).toBe(4);
    expect(driver.setPairs(2)).toBe(ok);
    expect(card.lanes).toBe(2);
    const back = bytes({
      ...packet(1),
      source: packet(1).destination,
      destination: packet(1).source,
      sourcePort: 80,
      destinationPort: 1001,
    });
    for (const pair of [1, 0, 1]) {
      driver.send(pair, back);
      expect(land(bytes(packet(1)))).toBe(pair);
    }
    setRss({ table: [3] });
    expect(land(bytes(packet(1)))).toBe(3);
  });

  it('drops what belongs on a queue that is being reset, where automatic steering finds another', () => {
    const { driver, setRss, card, wire } = rssCard();
    setRss({ table: [3] });
    driver.pci.resetQueue(6);
    expect(wire.pass(bytes(packet(1)))).toBe(Sent.dropped);
    expect(card.counters[3].dropped).toEqual({ notReady: 1 });
    driver.setPairs(4);
    for (let n = 0; n < 8; n++) expect(card.steer(frameOf(bytes(packet(n))))).not.toBe(3);
  });

  it('is forgotten at a reset', () => {
    const { driver, setRss, card, machine } = rssCard();
    setRss({ table: [3] });
    driver.pci.reset();
    expect(card.lanes).toBe(1);
    const again = new NetDriver(machine);
    again.setPairs(4);
    const before = card.steer(frameOf(bytes(packet(1))));
    const hashes = Array.from({ length: 30 }, (_, n) => card.steer(frameOf(bytes(packet(n)))));
    expect(new Set(hashes).size).toBe(4);
    expect(card.steer(frameOf(bytes(packet(1))))).toBe(before);
  });

  it('tells how many pairs are in use', () => {
    const { setRss, card } = rssCard();
    const seen: number[] = [];
    card.onQueuePairs.on((pairs) => seen.push(pairs));
    setRss({ table: [0, 2], transmitPairs: 1 });
    setRss({ table: [0], transmitPairs: 2 });
    setRss({ table: [0], unclassified: 3, transmitPairs: 1 });
    expect(seen).toEqual([3, 2, 4]);
  });

  it('reports packets on transmit queues behind max_tx_vq', () => {
    const { driver, setRss, faults, wire } = rssCard();
    setRss({ table: [0, 1, 2, 3], transmitPairs: 2 });
    driver.send(1, bytes(packet(1)));
    expect(faults).toEqual([]);
    driver.send(2, bytes(packet(1)));
    expect(faults).toMatchObject([{ needsReset: false, fault: { rule: 'transmit-unused-pair', queue: 5 } }]);
    expect(wire.sent.length).toBe(2);
  });
});

describe('VIRTIO_NET_CTRL_MQ_RSS_CONFIG (5.1.6.5.7.1)', () => {
  const pairs = (count: number): number[] => new Array<number>(count).fill(1);
  const wrong: [what: string, settings: RssSettings][] = [
    ['a hash type that is not supported', { hashTypes: 0x200 }],
    ['a table whose length is no power of two', { table: [0, 1, 2] }],
    ['a table that is too long', { table: pairs(256) }],
    ['a mask that is too large', { mask: 0xffff }],
    ['a mask for a longer table', { mask: 7 }],
    ['a mask for a shorter table', { mask: 1 }],
    ['a pair in the table that there is not', { table: [0, 4] }],
    ['a table with the reserved bit set', { table: [0, 0x8001] }],
    ['an unclassified pair that there is not', { unclassified: 4 }],
    ['no transmit queue', { transmitPairs: 0 }],
    ['too many transmit queues', { transmitPairs: 5 }],
    ['a key that is too long', { key: pairs(41) }],
    ['no key', { key: [] }],
    ['a key that is longer than it says', { keyLength: 39 }],
    ['a key that is shorter than it says', { keyLength: 41 }],
  ];
  for (const [what, settings] of wrong) {
    it(`refuses ${what}, and changes nothing`, () => {
      const { setRss, land, faults, card } = rssCard();
      setRss({ table: [3] });
      const before = card.multiqueue.save();
      expect(setRss(settings)).toBe(error);
      expect(faults).toMatchObject([{ needsReset: false, fault: { rule: 'control-argument', queue: 8 } }]);
      expect(card.multiqueue.save()).toEqual(before);
      expect(land(bytes(packet(1)))).toBe(3);
    });
  }

  it('refuses every other length', () => {
    const { driver, faults, card } = rssCard();
    const whole = rssConfig();
    const before = card.multiqueue.save();
    for (let length = 0; length < whole.length; length++) {
      expect(driver.command(...rssCommand.rss, whole.slice(0, length))).toBe(error);
    }
    expect(driver.command(...rssCommand.rss, [...whole, 0])).toBe(error);
    expect(faults.length).toBe(whole.length + 1);
    expect(card.multiqueue.save()).toEqual(before);
    expect(driver.command(...rssCommand.rss, whole)).toBe(ok);
  });

  it('refuses a pair whose receive queue the driver has not enabled', () => {
    const { driver, faults } = runningCard({ queuePairs: 4 }, { pairs: 2 });
    expect(driver.command(...rssCommand.rss, rssConfig({ table: [0, 1] }))).toBe(ok);
    expect(driver.command(...rssCommand.rss, rssConfig({ table: [0, 2] }))).toBe(error);
    expect(driver.command(...rssCommand.rss, rssConfig({ table: [0, 1], unclassified: 3 }))).toBe(error);
    expect(faults.length).toBe(2);
  });

  it('is unknown without the feature', () => {
    const features = feature.version1 | feature.controlQueue | feature.multiqueue;
    const { setRss, faults } = rssCard({}, { features });
    expect(setRss()).toBe(error);
    expect(faults).toMatchObject([{ fault: { rule: 'control-unknown' } }]);
  });

  it('never breaks the card, whatever it says', () => {
    const { driver, card, machine } = rssCard({ memory: 0x1000000 });
    machine.watching = false;
    const changed = fc.tuple(fc.nat(200), fc.array(fc.nat(255), { maxLength: 4 }), fc.array(fc.nat(255)));
    fc.assert(
      fc.property(changed, ([at, over, behind]) => {
        const data = rssConfig();
        data.splice(at, over.length, ...over);
        driver.command(...rssCommand.rss, [...data, ...behind.slice(0, behind.length % 3)]);
        expect(card.steer(frameOf(bytes(packet(at))))).toBeLessThan(4);
        expect(card.listening).toBe(true);
      }),
    );
  });
});

describe('VIRTIO_NET_CTRL_HASH_TUNNEL_SET (5.1.6.4.4)', () => {
  const inner = packet(3);
  const outer: NaivePacket = { ...packet(1), source: [192, 0, 2, 1], destination: [192, 0, 2, 2] };
  const tunnelled = Uint8Array.from(ethernet(carries.ipv4, ipPacket(outer, vxlan(packetFrame(inner)))));
  const outerPair = naiveHash(microsoftKey, 0x3f, { ...outer, sourcePort: 50000, destinationPort: 4789 }).hash & 3;
  const innerPair = naiveHash(microsoftKey, 0x3f, inner).hash & 3;

  it('steers by the inner packet, until it is turned off', () => {
    expect(innerPair).not.toBe(outerPair);
    const { driver, setRss, land } = rssCard();
    setRss();
    expect(land(tunnelled)).toBe(outerPair);
    expect(driver.command(...rssCommand.tunnel, hashTunnel(0x10))).toBe(ok);
    expect(land(tunnelled)).toBe(innerPair);
    setRss();
    expect(land(tunnelled)).toBe(innerPair);
    expect(driver.command(...rssCommand.tunnel, hashTunnel(0))).toBe(ok);
    expect(land(tunnelled)).toBe(outerPair);
  });

  it('refuses types that are not supported, wrong lengths, and to be used without the feature', () => {
    const { driver, setRss, land, faults } = rssCard();
    setRss();
    for (const data of [hashTunnel(0x210), hashTunnel(0x80000010), [16], [16, 0, 0, 0, 0]]) {
      expect(driver.command(...rssCommand.tunnel, data)).toBe(error);
    }
    expect(faults.map(({ fault }) => fault.rule)).toEqual(new Array(4).fill('control-argument'));
    expect(land(tunnelled)).toBe(outerPair);
    const features = feature.version1 | feature.controlQueue | feature.rss;
    const without = rssCard({}, { features });
    expect(without.driver.command(...rssCommand.tunnel, hashTunnel(0x10))).toBe(error);
  });

  it('is turned off by a reset', () => {
    const { driver, card, machine } = rssCard();
    driver.command(...rssCommand.tunnel, hashTunnel(0x10));
    driver.pci.reset();
    const again = new NetDriver(machine);
    again.command(...rssCommand.rss, rssConfig());
    expect(card.steer(frameOf(tunnelled))).toBe(outerPair);
  });
});

describe('the features', () => {
  it.each([
    ['RSS without a control queue', feature.rss],
    ['HASH_TUNNEL without anything that hashes', feature.controlQueue | feature.hashTunnel],
  ])('are refused: %s', (_, features) => {
    const { machine } = newCard();
    expect(() => new NetDriver(machine, { features: feature.version1 | features })).toThrow('refuses');
  });
});
