import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { feature, runningCard, type Card, type CardOptions } from '../support/netDriver.js';
import { addVlan, frameTo, removeVlan, setMode, setTables, table, type Addressed } from '../support/receiveFilter.js';
import { noProperties } from '../support/noProperties.js';

const [ok, error] = [0, 1];
const own = '52:54:00:12:34:56';
const other = '52:54:00:00:00:01';
const group = '33:33:00:00:00:01';
const broadcast = 'ff:ff:ff:ff:ff:ff';
const everybody = [own, other, group, broadcast].map((to) => ({ to }));

const rules = ({ faults }: Pick<Card, 'faults'>) => faults.map(({ fault }) => fault.rule);

/** A card with room for what comes, and what it lets through of some frames. */
function filtering(features?: bigint, options: CardOptions = {}) {
  const parts = runningCard({ memory: 0x200000, ...options }, features === undefined ? {} : { features });
  const { driver, wire, card } = parts;
  parts.machine.watching = false;
  const received = (...frames: Addressed[]): string[] => {
    for (const frame of frames) {
      if (driver.pci.queues[0].free.length > 1) driver.giveBuffers(0, [100]);
      wire.deliver(frameTo(frame));
    }
    return driver.frames(0).map((bytes) => hex(bytes.subarray(0, 6)));
  };
  /** Which of these VLANs get through, in frames to the card's own address. */
  const vlans = (...ids: number[]): number[] => ids.filter((vlan) => received({ to: own, vlan }).length > 0);
  return { ...parts, received, vlans, filtered: () => card.counters[0].filtered };
}

/** The same, with a driver that has turned promiscuous mode off. */
function selective(features?: bigint, options?: CardOptions) {
  const parts = filtering(features, options);
  expect(setMode(parts.driver, 'promiscuous', false)).toBe(ok);
  return parts;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
const macs = (count: number, first: string): string[] =>
  Array.from({ length: count }, (_, i) => `${first}:00:00:00:${hex(Uint8Array.of(i >>> 8, i))}`);

describe('a card whose driver', () => {
  const { version1, mac, controlQueue, receiveModes, vlans: vlanFilter } = feature;

  it('can not filter receives everything', () => {
    const { received, vlans, filtered } = filtering(version1 | mac | controlQueue);
    expect(received(...everybody)).toEqual([own, other, group, broadcast]);
    expect(vlans(0, 1, 4094)).toEqual([0, 1, 4094]);
    expect(filtered()).toEqual({});
  });

  it('never says what it wants receives everything', () => {
    const { received, vlans } = filtering();
    expect(received(...everybody)).toEqual([own, other, group, broadcast]);
    expect(vlans(1)).toEqual([1]);
  });

  it('wants no more than its own receives that and broadcasts (5.1.6.5.2)', () => {
    const { received, filtered, card } = selective();
    expect(received(...everybody)).toEqual([own, broadcast]);
    expect(filtered()).toEqual({ unicast: 1, multicast: 1 });
    expect(card.counters[0].dropped).toEqual({});
    expect(card.counters[0].rxFrames).toBe(2);
  });

  it('has an address that the card does not know receives what is for any station', () => {
    const { received, driver } = selective(version1 | controlQueue | receiveModes | feature.controlMac);
    expect(received(...everybody)).toEqual([own, other, broadcast]);
    driver.command(1, 1, [0x52, 0x54, 0, 0, 0, 1]);
    expect(received(...everybody)).toEqual([other, broadcast]);
  });

  it('can filter VLANs and nothing else receives what is for all addresses', () => {
    const { received, vlans } = filtering(version1 | mac | controlQueue | vlanFilter);
    expect(received(...everybody)).toEqual([own, other, group, broadcast]);
    expect(vlans(0, 1)).toEqual([]);
  });

  it('is reset receives everything again', () => {
    const parts = selective();
    setTables(parts.driver, [other], []);
    parts.driver.pci.reset();
    expect(parts.card.filter.save()).toEqual(filtering().card.filter.save());
  });
});

describe('VIRTIO_NET_CTRL_RX (5.1.6.5.1)', () => {
  it('turns promiscuous mode on, whatever other modes and VLANs there are, and off', () => {
    const { driver, received, vlans } = selective();
    for (const name of ['noMulticast', 'noUnicast', 'noBroadcast'] as const) setMode(driver, name, true);
    expect(received(...everybody)).toEqual([]);
    expect(setMode(driver, 'promiscuous', true)).toBe(ok);
    expect(received(...everybody)).toEqual([own, other, group, broadcast]);
    expect(vlans(7)).toEqual([7]);
    setMode(driver, 'promiscuous', false);
    expect(received(...everybody)).toEqual([]);
  });

  it.each([
    ['allMulticast', [own, group, broadcast]],
    ['allUnicast', [own, other, broadcast]],
    ['noMulticast', [own, broadcast]],
    ['noUnicast', [broadcast]],
    ['noBroadcast', [own]],
  ] as const)('turns %s on and off', (name, expected) => {
    const { driver, received } = selective();
    expect(setMode(driver, name, true)).toBe(ok);
    expect(received(...everybody)).toEqual(expected);
    expect(setMode(driver, name, false)).toBe(ok);
    expect(received(...everybody)).toEqual([own, broadcast]);
  });

  it.each([
    ['noMulticast', 'allMulticast', [own, broadcast]],
    ['noUnicast', 'allUnicast', [broadcast]],
    ['noBroadcast', 'allMulticast', [own, group]],
  ] as const)('lets %s win over %s', (no, all, expected) => {
    const { driver, received } = selective();
    setMode(driver, all, true);
    setMode(driver, no, true);
    expect(received(...everybody)).toEqual(expected);
  });

  it('lets noMulticast and noUnicast win over the tables', () => {
    const { driver, received, filtered } = selective();
    setTables(driver, [other], [group]);
    setMode(driver, 'noMulticast', true);
    setMode(driver, 'noUnicast', true);
    setMode(driver, 'noBroadcast', true);
    expect(received(...everybody)).toEqual([]);
    expect(filtered()).toEqual({ unicast: 2, multicast: 1, broadcast: 1 });
  });

  it('has one byte, 0 or 1', () => {
    const parts = selective();
    for (let command = 0; command < 6; command++) {
      for (const data of [[], [0, 0], [1, 1]]) expect(parts.driver.command(0, command, data)).toBe(error);
      for (const on of [2, 255]) expect(parts.driver.command(0, command, [on])).toBe(error);
    }
    expect(new Set(rules(parts))).toEqual(new Set(['control-argument']));
    expect(parts.received(...everybody)).toEqual([own, broadcast]);
  });

  it('has its extra commands by a feature of their own', () => {
    const parts = selective(feature.version1 | feature.mac | feature.controlQueue | feature.receiveModes);
    expect(setMode(parts.driver, 'allMulticast', true)).toBe(ok);
    for (const name of ['allUnicast', 'noMulticast', 'noUnicast', 'noBroadcast'] as const) {
      expect(setMode(parts.driver, name, true)).toBe(error);
    }
    expect(rules(parts)).toEqual(new Array(4).fill('control-unknown'));
    const extra = runningCard({}, { features: feature.version1 | feature.controlQueue | feature.extraReceiveModes });
    expect(setMode(extra.driver, 'noBroadcast', true)).toBe(ok);
    expect(setMode(extra.driver, 'promiscuous', true)).toBe(error);
  });
});

describe('VIRTIO_NET_CTRL_MAC_TABLE_SET (5.1.6.5.2)', () => {
  it('lets those addresses through and no others, until the next one', () => {
    const { driver, received } = selective();
    expect(setTables(driver, [other, '02:00:00:00:00:07'], [group])).toBe(ok);
    expect(received(...everybody, { to: '02:00:00:00:00:07' })).toEqual([
      own,
      other,
      group,
      broadcast,
      '02:00:00:00:00:07',
    ]);
    expect(received({ to: '52:54:00:00:00:02' }, { to: '33:33:00:00:00:02' })).toEqual([]);
    expect(setTables(driver, [], [])).toBe(ok);
    expect(received(...everybody)).toEqual([own, broadcast]);
  });

  it('tells addresses apart in every bit', () => {
    const { driver, received } = selective();
    setTables(driver, ['a8:f0:e1:d2:c3:b4'], []);
    for (let bit = 1; bit < 48; bit++) {
      const bytes = [0xa8, 0xf0, 0xe1, 0xd2, 0xc3, 0xb4];
      bytes[bit >>> 3] ^= 1 << (bit & 7);
      if ((bytes[0] & 1) === 0) expect(received({ to: hex(Uint8Array.from(bytes)) })).toEqual([]);
    }
    expect(received({ to: 'a8:f0:e1:d2:c3:b4' })).toEqual(['a8:f0:e1:d2:c3:b4']);
  });

  it('keeps four thousand addresses apart from others', () => {
    const { driver, received, card } = selective();
    const [stations, groups] = [macs(4096, '02'), macs(4096, '01')];
    expect(setTables(driver, stations, groups)).toBe(ok);
    expect(received({ to: stations[4095] }, { to: groups[4095] })).toEqual([stations[4095], groups[4095]]);
    expect(received({ to: '02:00:00:00:10:00' }, { to: '01:00:00:00:10:00' })).toEqual([]);
    expect(card.counters[0].dropped).toEqual({});
  });

  it('falls back to all unicast, or all multicast, when it is given too many', () => {
    const { driver, received } = selective();
    expect(setTables(driver, macs(4097, '02'), [])).toBe(ok);
    expect(received(...everybody)).toEqual([own, other, broadcast]);
    expect(setTables(driver, [], macs(4097, '01'))).toBe(ok);
    expect(received(...everybody)).toEqual([own, group, broadcast]);
    setMode(driver, 'noMulticast', true);
    expect(received(...everybody)).toEqual([own, broadcast]);
    setMode(driver, 'noMulticast', false);
    expect(setTables(driver, [], [])).toBe(ok);
    expect(received(...everybody)).toEqual([own, broadcast]);
  });

  const wrong: [what: string, data: number[]][] = [
    ['without data', []],
    ['with half a number', [0, 0]],
    ['with one table', table([other])],
    ['with a first table that is cut off', [...table([other]).slice(0, -1), ...table([])]],
    ['with a second table that is cut off', [...table([other]), ...table([group]).slice(0, -1)]],
    ['with more than two tables', [...table([]), ...table([]), ...table([])]],
    ['with bytes behind the tables', [...table([]), ...table([]), 0]],
    ['with a number of entries that is too large by one', [...table([other], 2), ...table([])]],
    ['with a number of entries that would overflow', [...table([], 0xffffffff), ...table([])]],
    ['with a second number that would overflow', [...table([]), ...table([group], 0x2aaaaaab)]],
    ['with a group among the stations', [...table([other, group]), ...table([])]],
    ['with a station among the groups', [...table([]), ...table([group, other])]],
  ];
  for (const [what, data] of wrong) {
    it(`is refused ${what}, and changes nothing`, () => {
      const parts = selective();
      setTables(parts.driver, ['02:00:00:00:00:07'], []);
      expect(parts.driver.command(1, 0, data)).toBe(error);
      expect(rules(parts)).toEqual(['control-argument']);
      expect(parts.received(...everybody, { to: '02:00:00:00:00:07' })).toEqual([own, broadcast, '02:00:00:00:00:07']);
    });
  }

  it('needs VIRTIO_NET_F_CTRL_RX', () => {
    const parts = filtering(feature.version1 | feature.controlQueue | feature.controlMac);
    expect(setTables(parts.driver, [], [])).toBe(error);
    expect(rules(parts)).toEqual(['control-unknown']);
  });
});

describe('VIRTIO_NET_CTRL_MAC_ADDR_SET (5.1.6.5.2)', () => {
  it('changes what is the own address to the filter', () => {
    const { driver, received } = selective();
    driver.command(1, 1, [0x52, 0x54, 0, 0, 0, 1]);
    expect(received(...everybody)).toEqual([other, broadcast]);
  });
});

describe('VIRTIO_NET_CTRL_VLAN (5.1.6.5.3)', () => {
  it('lets VLANs through that were added, until they are removed', () => {
    const { driver, vlans, filtered } = selective();
    const ids = [0, 1, 2, 100, 2047, 2048, 4094, 4095];
    expect(vlans(...ids)).toEqual([]);
    expect(filtered()).toEqual({ vlan: ids.length });
    for (const id of [0, 100, 4095]) expect(addVlan(driver, id)).toBe(ok);
    expect(vlans(...ids)).toEqual([0, 100, 4095]);
    expect(removeVlan(driver, 100)).toBe(ok);
    expect(removeVlan(driver, 1)).toBe(ok);
    expect(vlans(...ids)).toEqual([0, 4095]);
  });

  it('looks at the 12 bits of the id alone, not at priority and drop eligibility', () => {
    const { driver, vlans } = selective();
    addVlan(driver, 5);
    expect(vlans(0xf005, 0xe005, 0x1005, 0xf006)).toEqual([0xf005, 0xe005, 0x1005]);
  });

  it('filters by address too', () => {
    const { driver, received } = selective();
    addVlan(driver, 5);
    expect(received(...everybody.map(({ to }) => ({ to, vlan: 5 })))).toEqual([own, broadcast]);
  });

  it("leaves frames alone that have no tag, or a provider's", () => {
    const { received } = selective();
    expect(received({ to: own }, { to: own, vlan: 5, tag: 0x88a8 })).toEqual([own, own]);
  });

  it('is not for frames whose tag is cut off', () => {
    const { driver, wire } = selective();
    driver.giveBuffers(0, [100], [100]);
    const frame = frameTo({ to: own, vlan: 5 });
    expect(wire.deliver(frame.subarray(0, 14), frame.subarray(0, 15))).toEqual([Sent.taken, Sent.taken]);
  });

  it('is two bytes, with an id below 4096', () => {
    const parts = selective();
    for (const command of [0, 1]) {
      for (const data of [[], [5], [5, 0, 0], [0, 0x10], [255, 255]]) {
        expect(parts.driver.command(2, command, data)).toBe(error);
      }
    }
    expect(rules(parts)).toEqual(new Array(10).fill('control-argument'));
    expect(parts.vlans(5)).toEqual([]);
  });

  it('needs its feature', () => {
    const parts = filtering(feature.version1 | feature.controlQueue | feature.receiveModes);
    expect(addVlan(parts.driver, 5)).toBe(error);
    expect(rules(parts)).toEqual(['control-unknown']);
  });
});

describe('a frame that the guest does not want', () => {
  it('is not among those that were lost for a full queue, a link that is down or a length', () => {
    const { driver, wire, card } = selective(undefined, { mtu: 68 });
    const long = new Uint8Array(200);
    long.set(frameTo({ to: other }));
    expect(wire.deliver(long, frameTo({ to: other }))).toEqual([Sent.dropped, Sent.dropped]);
    card.setLink(false);
    wire.deliver(frameTo({ to: group }));
    expect(card.counters[0]).toMatchObject({ dropped: noProperties, filtered: { unicast: 2, multicast: 1 } });
    driver.pci.reset();
    wire.deliver(frameTo({ to: group }));
    expect(card.counters[0].dropped).toEqual({ notReady: 1 });
  });

  it('does not go on waiting for room', () => {
    const { driver, wire, card } = filtering();
    expect(wire.deliver(frameTo({ to: other }), frameTo({ to: own }))).toEqual([Sent.full, Sent.full]);
    setMode(driver, 'promiscuous', false);
    driver.giveBuffers(0, [100]);
    expect(driver.frames(0)).toEqual([frameTo({ to: own })]);
    expect(card.counters[0].filtered).toEqual({ unicast: 1 });
  });
});
