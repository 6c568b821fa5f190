import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';

const all = Object.values(feature).reduce((sum, bit) => sum | bit, 0n);
const ethernetHeader = 14;
const tag = 4;

/** A frame with that many VLAN tags and that many bytes behind its headers. */
function tagged(tags: number[], payload: number): Uint8Array {
  const bytes = plainFrame(ethernetHeader + tag * tags.length + payload);
  tags.forEach((type, i) => bytes.set([type >> 8, type & 255, 0, 1], 12 + tag * i));
  bytes.set([0x88, 0xb5], 12 + tag * tags.length);
  return bytes;
}

describe('with VIRTIO_NET_F_MTU (5.1.4.1)', () => {
  const cases: [what: string, tags: number[]][] = [
    ['without a VLAN tag', []],
    ['with a VLAN tag', [0x8100]],
    ['with two VLAN tags', [0x88a8, 0x8100]],
  ];
  for (const [what, tags] of cases) {
    it.each([68, 1500, 9000])(`a frame ${what} is received up to an MTU of %i bytes behind its header`, (mtu) => {
      const { driver, wire, card } = runningCard({ mtu });
      driver.giveBuffers(0, [10000], [10000]);
      const frames = [tagged(tags, mtu), tagged(tags, mtu + 1)];
      expect(wire.deliver(...frames)).toEqual([Sent.taken, Sent.dropped]);
      expect(driver.frames(0)).toEqual([frames[0]]);
      expect(card.counters[0].dropped).toEqual({ tooLong: 1 });
    });
  }

  it('frames are sent up to the MTU and beyond: the other end decides', () => {
    const { driver, wire } = runningCard({ mtu: 1500 });
    driver.send(0, plainFrame(1514), plainFrame(1515));
    expect(wire.sent.map(({ bytes }) => bytes.length)).toEqual([1514, 1515]);
  });
});

describe('without VIRTIO_NET_F_MTU', () => {
  it('frames of any length are received that find buffers', () => {
    const { driver, wire } = runningCard({ mtu: 1500 }, { features: all & ~feature.mtu });
    driver.giveBuffers(0, [70000]);
    expect(wire.deliver(plainFrame(65000))).toEqual([Sent.taken]);
    expect(driver.frames(0)[0].length).toBe(65000);
  });
});
