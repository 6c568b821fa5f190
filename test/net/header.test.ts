import { describe, expect, it } from 'vitest';
import { Frame, gsoType } from '../../src/net/link/frame.js';
import { offload } from '../../src/net/link/offloads.js';
import { Sent } from '../../src/net/link/port.js';
import { feature, headerBytes, NetDriver, newCard, runningCard, type Card } from '../support/netDriver.js';
import { buildPacket } from '../support/packets.js';

/** VIRTIO_NET_F_RSC_EXT, not offered by default. */
const rscExt = 1n << 61n;
const needsChecksum = 1;
const ecn = 0x80;
const payload = new Uint8Array(3000).fill(7);
const packets = {
  tcp4: buildPacket({ version: 4, transport: 'tcp', payload }),
  tcp6: buildPacket({ version: 6, transport: 'tcp', payload }),
  udp4: buildPacket({ version: 4, transport: 'udp', payload }),
  udp6: buildPacket({ version: 6, transport: 'udp', payload }),
};
type PacketName = keyof typeof packets;

const le16 = (value: number): number[] => [value & 255, value >>> 8];

/** `struct virtio_net_hdr` without num_buffers. */
function header(flags: number, gso: number, length: number, size: number, start: number, offset: number): Uint8Array {
  return Uint8Array.from([flags, gso, ...le16(length), ...le16(size), ...le16(start), ...le16(offset)]);
}

const base = feature.version1 | feature.checksum | feature.guestChecksum;

/** Each kind of segmentation: its number, a packet, and the features that a sender and a receiver need for it. */
const kinds: [what: string, gso: number, packet: PacketName, host: bigint, guest: bigint, needs: number][] = [
  ['TCP over IPv4', 1, 'tcp4', feature.hostTso4, feature.guestTso4, offload.tcp4],
  ['TCP over IPv6', 4, 'tcp6', feature.hostTso6, feature.guestTso6, offload.tcp6],
  ['UDP fragments', 3, 'udp4', feature.hostUfo, feature.guestUfo, offload.udp],
  ['UDP datagrams over IPv4', 5, 'udp4', feature.hostUso, feature.guestUso4, offload.udpL4v4],
  ['UDP datagrams over IPv6', 5, 'udp6', feature.hostUso, feature.guestUso6, offload.udpL4v6],
];

function send(parts: Card & { driver: ReturnType<typeof runningCard>['driver'] }, name: PacketName, bytes: Uint8Array) {
  parts.driver.queuePacket(0, packets[name].bytes, [headerBytes], bytes);
  parts.driver.pci.kick(1);
}

describe('the header of a packet sent (5.1.6.2)', () => {
  it('may ask for a checksum', () => {
    const parts = runningCard({}, { features: base });
    const { checksumStart, checksumOffset, bytes } = packets.tcp4;
    send(parts, 'tcp4', header(needsChecksum, 0, 0, 0, checksumStart, checksumOffset));
    expect(parts.wire.sent[0].bytes).toEqual(bytes);
    expect(parts.wire.described[0]).toMatchObject({ needsChecksum: true, checksumStart, checksumOffset, gso: 0 });
  });

  for (const [what, gso, name, host] of kinds) {
    const { checksumStart, checksumOffset, payloadStart } = packets[name];
    const bytes = header(needsChecksum, gso, payloadStart, 1000, checksumStart, checksumOffset);

    it(`may ask for segmentation: ${what}`, () => {
      const parts = runningCard({}, { features: base | host });
      send(parts, name, bytes);
      expect(parts.wire.described[0]).toMatchObject({ gso, gsoSize: 1000, gsoEcn: false, checksumStart });
      expect(parts.faults).toEqual([]);
    });

    it(`may not ask for it without its feature: ${what}`, () => {
      const parts = runningCard({}, { features: base });
      send(parts, name, bytes);
      expect(parts.faults).toMatchObject([{ needsReset: true, fault: { rule: 'transmit-offload' } }]);
      expect(parts.wire.sent).toEqual([]);
    });
  }

  it('may ask for congestion notification, with its feature', () => {
    const { checksumStart, checksumOffset, payloadStart } = packets.tcp4;
    const bytes = header(needsChecksum, 1 | ecn, payloadStart, 1000, checksumStart, checksumOffset);
    const able = runningCard({}, { features: base | feature.hostTso4 | feature.hostEcn });
    send(able, 'tcp4', bytes);
    expect(able.wire.described[0]).toMatchObject({ gso: gsoType.tcp4, gsoEcn: true });
    const unable = runningCard({}, { features: base | feature.hostTso4 });
    send(unable, 'tcp4', bytes);
    expect(unable.faults[0].fault.rule).toBe('transmit-offload');
  });

  it.each([
    ['2', 2],
    ['6', 6],
    ['0x7f', 0x7f],
    ['congestion notification of nothing', ecn],
  ])('may not ask for a kind that is not known: %s', (_, gso) => {
    const parts = runningCard();
    send(parts, 'tcp4', header(needsChecksum, gso, 54, 1000, 34, 16));
    expect(parts.faults[0].fault.rule).toBe('transmit-offload');
  });

  const wrong: [what: string, header: Uint8Array][] = [
    ['segmentation without a checksum', header(0, 1, 54, 1000, 34, 16)],
    ['segments of 0 bytes', header(needsChecksum, 1, 54, 0, 34, 16)],
    ['a checksum behind the packet', header(needsChecksum, 0, 0, 0, 65535, 16)],
    ['a checksum half behind the packet', header(needsChecksum, 0, 0, 0, packets.tcp4.bytes.length - 17, 16)],
  ];
  for (const [what, bytes] of wrong) {
    it(`that contradicts itself loses its packet, and the card goes on: ${what}`, () => {
      const parts = runningCard();
      send(parts, 'tcp4', bytes);
      expect(parts.faults).toMatchObject([{ needsReset: false, fault: { rule: 'transmit-header-fields' } }]);
      expect(parts.card.counters[0].dropped).toEqual({ badOffload: 1 });
      expect(parts.driver.completed(0)).toBe(1);
      send(parts, 'tcp4', header(0, 0, 0, 0, 0, 0));
      expect(parts.wire.sent.length).toBe(1);
    });
  }
});

describe('the header of a packet received (5.1.6.4)', () => {
  function receive(features: bigint, name: PacketName, gso: number, options: { ecn?: boolean; packet?: object } = {}) {
    const parts = runningCard(options.packet, { features: features | feature.mergeable });
    parts.driver.giveBuffers(0, [4000]);
    const { bytes, checksumStart, checksumOffset } = packets[name];
    const frame = new Frame().start(0).add(bytes, 0, bytes.length);
    Object.assign(frame, { needsChecksum: true, checksumStart, checksumOffset, gso, gsoSize: gso ? 1000 : 0 });
    frame.gsoEcn = options.ecn ?? false;
    const sent = parts.card.send(frame, 0);
    parts.card.flush();
    return { sent, parts, packets: parts.driver.receive(0) };
  }

  it('hands on that the checksum is not finished', () => {
    const { checksumStart, checksumOffset, bytes } = packets.udp6;
    const [packet] = receive(base, 'udp6', 0).packets;
    expect(packet.frame).toEqual(bytes);
    expect(packet.header).toEqual(
      Uint8Array.from([...header(needsChecksum, 0, 0, 0, checksumStart, checksumOffset), 1, 0]),
    );
  });

  for (const [what, gso, name, , guest, needs] of kinds) {
    const { checksumStart, checksumOffset, payloadStart } = packets[name];

    it(`hands on what is to be segmented, and how long the headers are: ${what}`, () => {
      const { packets: got, parts } = receive(base | guest, name, gso);
      expect(parts.card.offloads).toBe(offload.checksum | needs);
      expect(got[0].header).toEqual(
        Uint8Array.from([...header(needsChecksum, gso, payloadStart, 1000, checksumStart, checksumOffset), 1, 0]),
      );
    });

    it(`comes with no such packet that the driver can't take: ${what}`, () => {
      const { sent, parts } = receive(base, name, gso);
      expect(sent).toBe(Sent.dropped);
      expect(parts.card.counters[0].dropped).toEqual({ offload: 1 });
    });
  }

  it('marks congestion notification', () => {
    const features = base | feature.guestTso4 | feature.guestEcn;
    expect(receive(features, 'tcp4', 1, { ecn: true }).packets[0].header[1]).toBe(1 | ecn);
    expect(receive(features & ~feature.guestEcn, 'tcp4', 1, { ecn: true }).sent).toBe(Sent.dropped);
  });

  it('counts the segments with VIRTIO_NET_F_RSC_EXT, which is offered where it is asked for', () => {
    const features = base | feature.guestTso4 | feature.hostTso4 | rscExt;
    const packet = { features: { VIRTIO_NET_F_RSC_EXT: true } };
    const [{ header: bytes }] = receive(features, 'tcp4', 1, { packet }).packets;
    expect([...bytes.subarray(0, 10)]).toEqual([...header(needsChecksum | 4, 1, 54, 1000, 3, 0)]);
  });
});

describe('VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET', () => {
  const everything = kinds.reduce((all, [, , , , , needs]) => all | needs, offload.checksum | offload.ecn);
  const set = (parts: ReturnType<typeof runningCard>, bits: bigint): number | undefined =>
    parts.driver.command(
      5,
      0,
      Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n)),
    );
  const all = feature.guestChecksum | feature.guestTso4 | feature.guestTso6 | feature.guestEcn | feature.guestUfo;

  it('turns offloads off and on again', () => {
    const parts = runningCard();
    expect(parts.card.offloads).toBe(everything);
    expect(set(parts, feature.guestChecksum | feature.guestTso4)).toBe(0);
    expect(parts.card.offloads).toBe(offload.checksum | offload.tcp4);
    expect(set(parts, 0n)).toBe(0);
    expect(parts.card.offloads).toBe(0);
    expect(set(parts, all | feature.guestUso4 | feature.guestUso6)).toBe(0);
    expect(parts.card.offloads).toBe(everything);
    expect(parts.faults).toEqual([]);
  });

  it('is refused for what was not negotiated', () => {
    const features = base | feature.controlQueue | feature.controlGuestOffloads | feature.guestTso4;
    const parts = runningCard({}, { features });
    for (const bits of [feature.guestTso6, feature.hostTso4, 1n << 63n]) expect(set(parts, bits)).toBe(1);
    expect(parts.card.offloads).toBe(offload.checksum | offload.tcp4);
    expect(parts.faults.map(({ fault }) => fault.rule)).toEqual(new Array(3).fill('control-argument'));
  });

  it('lasts until the next negotiation', () => {
    const parts = runningCard();
    set(parts, 0n);
    parts.pci.reset();
    expect(parts.card.offloads).toBe(0);
    expect(runningCard().card.offloads).toBe(everything);
  });

  it('has not happened yet on a card that was saved before its driver was ready', () => {
    const { card, machine, pci } = newCard();
    const driver = new NetDriver(machine, { early: true });
    pci.restore(structuredClone(pci.save()));
    driver.pci.driverOk();
    expect(card.offloads).toBe(everything);
  });
});
