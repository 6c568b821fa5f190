import { describe, expect, it } from 'vitest';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';
import { buildPacket } from '../support/packets.js';

const gso = 1n << 6n;
const frame = plainFrame(100);

const running = (features: bigint) => {
  const parts = runningCard({ queuePairs: 1, transitional: true }, { legacy: true, features });
  const elements = (lengths: readonly number[]): void => void parts.driver.giveBuffers(0, lengths);
  return { ...parts, elements };
};

describe('the packet header of a legacy driver (5.1.6.1)', () => {
  it.each([
    ['10 bytes without mergeable buffers', 0n, 10],
    ['12 bytes with them', feature.mergeable, 12],
  ])('is %s', (_, features, length) => {
    const { driver, wire, elements, faults } = running(features);
    elements([length + frame.length]);
    wire.deliver(frame);
    const [packet] = driver.receive(0);
    expect(packet.lengths).toEqual([length + frame.length]);
    expect([...packet.header]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0].slice(0, length));
    expect(packet.frame).toEqual(frame);
    driver.send(0, frame);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
    expect(faults).toEqual([]);
  });

  it.each([[[10, 300]], [[310]], [[3, 7, 1, 299]], [[24, 286]]])(
    'stands in elements of lengths %j, whatever was negotiated of layouts (5.1.6.6)',
    (lengths) => {
      const { driver, wire, elements } = running(feature.mac);
      elements(lengths);
      wire.deliver(frame);
      expect(driver.frames(0)).toEqual([frame]);
      const whole = 10 + frame.length;
      const cuts = lengths.filter((_, i) => lengths.slice(0, i + 1).reduce((sum, each) => sum + each, 0) < whole);
      driver.queuePacket(0, frame, cuts);
      driver.pci.kick(1);
      expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
    },
  );

  it('makes a buffer of 9 bytes too short', () => {
    const { elements, wire, faults } = running(0n);
    elements([9]);
    wire.deliver(frame);
    expect(faults.map(({ fault }) => fault.rule)).toEqual(['receive-buffer-size']);
  });

  it('may ask for all kinds of segmentation that there were, with one feature (5.1.3.2)', () => {
    const { bytes, checksumStart, checksumOffset, payloadStart } = buildPacket({
      version: 4,
      transport: 'tcp',
      payload: new Uint8Array(3000),
    });
    const header = Uint8Array.of(1, 1, payloadStart, 0, 0xe8, 3, checksumStart, 0, checksumOffset, 0);
    for (const [features, sent] of [
      [feature.checksum | gso, 1],
      [feature.checksum, 0],
    ] as const) {
      const { driver, wire, faults } = running(features);
      driver.queuePacket(0, bytes, [10], header);
      driver.pci.kick(1);
      expect([wire.sent.length, faults.length]).toEqual([sent, 1 - sent]);
    }
  });
});
