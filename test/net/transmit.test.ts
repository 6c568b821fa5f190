import { describe, expect, it } from 'vitest';
import { connect } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, headerBytes, runningCard, type Card } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';
import { noProperties } from '../support/noProperties.js';

const frame = plainFrame(200);
const rule = ({ faults }: Pick<Card, 'faults'>) => faults[0]?.fault.rule;

describe('a packet is sent however it is cut', () => {
  const cuts: [what: string, cuts: number[]][] = [
    ['in one piece', []],
    ['header and frame apart', [headerBytes]],
    ['within the header', [5, 3]],
    ['within the frame', [headerBytes + 100]],
    ['with the start of the frame behind the header', [headerBytes + 14]],
    ['with pieces of length 0', [0, 0, headerBytes, 0, 50, 0]],
    ['into as many pieces as the queue has descriptors', new Array<number>(15).fill(1)],
  ];
  for (const [what, lengths] of cuts) {
    it(what, () => {
      const { driver, wire, card } = runningCard();
      driver.queuePacket(0, frame, lengths);
      driver.pci.kick(1);
      expect(wire.sent).toEqual([{ lane: 0, bytes: frame }]);
      expect(driver.pci.queues[1].collect()).toEqual([{ id: 0, length: 0 }]);
      expect(card.counters[0]).toMatchObject({ txFrames: 1, txBytes: 200, dropped: noProperties });
    });
  }

  it('from an indirect table', () => {
    const { driver, wire, machine } = runningCard();
    const { memory } = machine;
    const [at, table] = [memory.allocate(212), memory.allocate(48)];
    memory.bytes.set(frame, at + headerBytes);
    const piece = (start: number, length: number) => ({ address: at + start, length, writable: false });
    driver.pci.queues[1].add([piece(0, 10), piece(10, 50), piece(60, 152)], { table });
    driver.pci.kick(1);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
  });
});

describe('packets are sent', () => {
  it('in their order, as one burst with one interrupt', () => {
    const { driver, wire, machine } = runningCard();
    const frames = [1, 2, 3, 4, 5].map((seed) => plainFrame(60 + seed, seed));
    machine.takeMessages();
    wire.flushes = 0;
    driver.send(0, ...frames);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual(frames);
    expect(wire.flushes).toBe(1);
    expect(driver.msix!.fired()).toEqual([2]);
    expect(driver.completed(0)).toBe(5);
  });

  it('on the lane of their pair', () => {
    const { driver, wire } = runningCard();
    driver.setPairs(4);
    for (const pair of [3, 0, 2]) driver.send(pair, frame);
    expect(wire.sent.map(({ lane }) => lane)).toEqual([3, 0, 2]);
  });

  it.each([14, 60, 1514, 9014])('of %i bytes', (size) => {
    const { driver, wire } = runningCard();
    driver.send(0, plainFrame(size));
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(size)]);
  });

  it('again and again, over the end of the ring', () => {
    const { driver, wire, machine } = runningCard({ memory: 0x100000 });
    machine.watching = false;
    for (let i = 0; i < 200; i++) {
      driver.send(0, plainFrame(60, i));
      driver.completed(0);
    }
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 200 }, (_, i) => plainFrame(60, i)));
  });

  it('without event indices too', () => {
    const { driver, wire } = runningCard({}, { features: feature.version1 });
    for (let i = 0; i < 3; i++) driver.send(0, frame);
    expect(wire.sent.length).toBe(3);
    expect(driver.msix!.fired()).toEqual([2, 2, 2]);
  });
});

describe('a packet is dropped and counted', () => {
  it('when it is shorter than an Ethernet header', () => {
    const { driver, wire, card, faults } = runningCard();
    for (const size of [0, 1, 13]) driver.send(0, plainFrame(size));
    expect(wire.sent).toEqual([]);
    expect(driver.completed(0)).toBe(3);
    expect(card.counters[0]).toMatchObject({ txFrames: 0, dropped: { runt: 3 } });
    expect(faults).toEqual([]);
  });

  it('while the link is down', () => {
    const { driver, wire, card } = runningCard();
    card.setLink(false);
    driver.send(0, frame);
    card.setLink(true);
    driver.send(0, frame);
    expect(wire.sent.length).toBe(1);
    expect(card.counters[0]).toMatchObject({ txFrames: 1, dropped: { linkDown: 1 } });
  });

  it('while the card is connected to nothing', () => {
    const { driver, wire, card } = runningCard();
    card.attach(undefined);
    driver.send(0, frame);
    connect(card, wire);
    driver.send(0, frame);
    expect(wire.sent.length).toBe(1);
    expect(card.counters[0].dropped).toEqual({ unconnected: 1 });
    expect(driver.completed(0)).toBe(2);
  });
});

describe('a packet makes the device need a reset', () => {
  it('without a whole header (5.1.6.2)', () => {
    for (const length of [0, 1, 11]) {
      const parts = runningCard();
      parts.driver.queueBytes(1, new Uint8Array(length));
      parts.driver.pci.kick(1);
      expect(rule(parts)).toBe('transmit-header');
      expect(parts.driver.pci.hasStatus(status.needsReset)).toBe(true);
    }
  });

  it('with anything to write', () => {
    const parts = runningCard();
    parts.driver.queueBytes(1, new Uint8Array(72), [], [4]);
    parts.driver.pci.kick(1);
    expect(rule(parts)).toBe('transmit-writable');
    expect(parts.wire.sent).toEqual([]);
  });

  it.each([
    ['a checksum', [1, 0]],
    ['segmentation', [0, 1]],
    ['both', [1, 4]],
  ])('that asks for %s, which was not negotiated', (_, header) => {
    const parts = runningCard({}, { features: feature.version1 });
    parts.driver.queuePacket(0, frame, [headerBytes], Uint8Array.from(header));
    parts.driver.pci.kick(1);
    expect(rule(parts)).toBe('transmit-offload');
    expect(parts.wire.sent).toEqual([]);
  });

  it('but not with flags that are not known, or lengths that nobody asked for (5.1.6.2.2)', () => {
    const { driver, wire, faults } = runningCard();
    const header = [0xfe, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    driver.queuePacket(0, frame, [headerBytes], Uint8Array.from(header));
    driver.pci.kick(1);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frame]);
    expect(faults).toEqual([]);
  });
});
