import { describe, expect, it } from 'vitest';
import { microsoftKey, naiveHash, type NaivePacket } from '../support/naiveHash.js';
import { feature, runningCard, type CardOptions } from '../support/netDriver.js';
import { hashConfig, hashTunnel, rssCommand, rssConfig } from '../support/rssCommands.js';
import { carries, ethernet, ipPacket, packetFrame, vxlan } from '../support/tunnels.js';

const [ok, error] = [0, 1];
const needed = feature.version1 | feature.controlQueue | feature.hashReport;

const packet: NaivePacket = {
  source: [10, 0, 0, 1],
  destination: [10, 0, 0, 2],
  protocol: 6,
  sourcePort: 1000,
  destinationPort: 80,
};
const udp6: NaivePacket = {
  ...packet,
  protocol: 17,
  source: [0xfd, ...new Array<number>(14).fill(0), 1],
  destination: [0xfd, ...new Array<number>(14).fill(0), 2],
};
const frame = Uint8Array.from(packetFrame(packet));
const arp = Uint8Array.from(ethernet(carries.arp, new Array<number>(46).fill(0)));

function reportingCard(features: bigint, options: CardOptions = {}) {
  const parts = runningCard({ queuePairs: 4, queueSize: 64, memory: 0x100000, ...options }, { features });
  const { driver, wire } = parts;
  for (let pair = 0; pair < driver.maxPairs; pair++) driver.giveBuffers(pair, ...new Array<number[]>(32).fill([400]));
  return {
    ...parts,
    /** What the header of this frame reports, wherever it is received. */
    report: (bytes: Uint8Array): { hash: number; report: number; padding: number } => {
      wire.deliver(bytes);
      const packets = Array.from({ length: driver.maxPairs }, (_, pair) => driver.receive(pair)).flat();
      expect(packets.map(({ frame }) => frame)).toEqual([bytes]);
      const [{ header }] = packets;
      expect(header.length).toBe(20);
      const view = new DataView(header.buffer, header.byteOffset);
      expect(view.getUint16(10, true)).toBe(1);
      return { hash: view.getUint32(12, true), report: view.getUint16(16, true), padding: view.getUint16(18, true) };
    },
    setHash: (types: number, key: ArrayLike<number> = microsoftKey, reserved?: number[]) =>
      driver.command(...rssCommand.hash, hashConfig(types, key, reserved)),
  };
}
const expected = (packet: NaivePacket, types: number) => ({ ...naiveHash(microsoftKey, types, packet), padding: 0 });
const none = { hash: 0, report: 0, padding: 0 };

describe('the packet header with VIRTIO_NET_F_HASH_REPORT (5.1.6)', () => {
  it.each([
    ['mergeable buffers', feature.mergeable],
    ['single buffers', 0n],
  ])('is 20 bytes long in both directions, with %s', (_, more) => {
    const { driver, wire, report } = reportingCard(needed | more);
    expect(report(frame)).toEqual(none);
    driver.send(0, frame);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
  });

  it('leaves no room for a packet in a buffer that is shorter', () => {
    const { driver, faults, wire } = runningCard({}, { features: needed });
    driver.giveBuffers(0, [19]);
    wire.deliver(frame);
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'receive-buffer-size' } }]);
  });

  it('is asked for whole', () => {
    const { driver, faults } = runningCard({}, { features: needed });
    driver.queueBytes(1, new Uint8Array(19));
    driver.pci.kick(1);
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'transmit-header' } }]);
  });
});

describe('hash reports (5.1.6.4.5)', () => {
  it('are none until the driver says what to hash', () => {
    const { report, setHash } = reportingCard(needed);
    expect(report(frame)).toEqual(none);
    expect(setHash(0x3f)).toBe(ok);
    expect(report(frame)).toEqual(expected(packet, 0x3f));
    expect(setHash(0, [])).toBe(ok);
    expect(report(frame)).toEqual(none);
  });

  it('name what the hash was taken over', () => {
    const { report, setHash } = reportingCard(needed);
    for (const types of [0x1ff, 0x3f, 0x09, 0x12, 0x24]) {
      setHash(types);
      for (const each of [packet, { ...packet, protocol: 17 }, { ...packet, protocol: 1 }, udp6]) {
        expect(report(Uint8Array.from(packetFrame(each)))).toEqual(expected(each, types));
      }
      expect(report(arp)).toEqual(none);
    }
  });

  it('come with any steering: the hash of RSS stays when automatic steering takes over', () => {
    const { driver, report } = reportingCard(needed | feature.multiqueue | feature.rss);
    expect(driver.command(...rssCommand.rss, rssConfig({ table: [3, 1], hashTypes: 0x3f }))).toBe(ok);
    expect(report(frame)).toEqual(expected(packet, 0x3f));
    expect(driver.setPairs(2)).toBe(ok);
    expect(report(frame)).toEqual(expected(packet, 0x3f));
  });

  it('are of the inner packet where the driver wants that', () => {
    const { driver, report, setHash } = reportingCard(needed | feature.hashTunnel);
    setHash(0x3f);
    const outer = { ...packet, source: [192, 0, 2, 1], protocol: 17 };
    const tunnelled = Uint8Array.from(ethernet(carries.ipv4, ipPacket(outer, vxlan(packetFrame(packet)))));
    expect(report(tunnelled)).toEqual(expected({ ...outer, sourcePort: 50000, destinationPort: 4789 }, 0x3f));
    expect(driver.command(...rssCommand.tunnel, hashTunnel(0x10))).toBe(ok);
    expect(report(tunnelled)).toEqual(expected(packet, 0x3f));
  });

  it('end with a reset', () => {
    const { driver, card, setHash } = reportingCard(needed);
    setHash(0x3f);
    driver.pci.reset();
    expect(card.multiqueue.hash.save().types).toBe(0);
  });
});

describe('VIRTIO_NET_CTRL_MQ_HASH_CONFIG (5.1.6.5.6.4)', () => {
  it('takes the number of queues that Linux puts into the reserved words', () => {
    const { report, setHash } = reportingCard(needed);
    expect(setHash(0x3f, microsoftKey, [0, 0, 0, 4])).toBe(ok);
    expect(report(frame)).toEqual(expected(packet, 0x3f));
  });

  it('goes over to automatic steering, on the pairs that were in use', () => {
    const { driver, card, setHash, report } = reportingCard(needed | feature.multiqueue | feature.rss);
    driver.command(...rssCommand.rss, rssConfig({ table: [3], transmitPairs: 2 }));
    expect(card.lanes).toBe(4);
    expect(setHash(0x3f)).toBe(ok);
    expect(card.lanes).toBe(2);
    expect(report(frame)).toEqual(expected(packet, 0x3f));
  });

  it('refuses types that are not supported, and keys that are too long or missing', () => {
    const { setHash, faults, card } = reportingCard(needed);
    const before = card.multiqueue.save();
    expect(setHash(0x200)).toBe(error);
    expect(setHash(0x3f, new Uint8Array(41))).toBe(error);
    expect(setHash(0x3f, [])).toBe(error);
    expect(card.multiqueue.save()).toEqual(before);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(new Array(3).fill('control-argument'));
  });

  it('refuses every other length', () => {
    const { driver, faults } = reportingCard(needed);
    const whole = hashConfig(0x3f, microsoftKey);
    for (let length = 0; length < whole.length; length++) {
      expect(driver.command(...rssCommand.hash, whole.slice(0, length))).toBe(error);
    }
    expect(driver.command(...rssCommand.hash, [...whole, 0])).toBe(error);
    expect(faults.length).toBe(whole.length + 1);
  });

  it('is unknown without the feature', () => {
    const { driver, faults } = runningCard({}, { features: feature.version1 | feature.controlQueue | feature.rss });
    expect(driver.command(...rssCommand.hash, hashConfig(0x3f, microsoftKey))).toBe(error);
    expect(faults).toMatchObject([{ fault: { rule: 'control-unknown' } }]);
  });
});
