import { describe, expect, it } from 'vitest';
import { Loopback } from '../../src/fabric/index.js';
import { Sent } from '../../src/net/link/port.js';
import { bytesOf, frameOf, TestCard } from './card.js';
import { expectBalance } from './totals.js';

describe('loopback', () => {
  it('gives a card what it sends, on the lane of its flow, with one flush a burst', () => {
    const loopback = new Loopback();
    const card = new TestCard(1, 4).plugInto(loopback);
    const sent = [0, 1, 2, 3].map((flow) => bytesOf(9, 1, flow, flow));
    card.burst(sent, 2);
    expect(card.received).toEqual(sent.map((bytes, lane) => ({ lane, bytes })));
    expect(card.flushes).toBe(1);
    const { lanes } = loopback.counters();
    expect(lanes.map((lane) => lane.outFrames)).toEqual([1, 1, 1, 1]);
    expect(lanes.map((lane) => lane.inFrames)).toEqual([0, 0, 4, 0]);
  });

  it('lets one frame wait, is full then, lane by lane, and brings the room back', () => {
    const loopback = new Loopback();
    const card = new TestCard(1, 2, 0).plugInto(loopback);
    card.buffers[1] = Infinity;
    const answers = card.burst([1, 2, 3, 4].map((n) => bytesOf(9, 1, n, n === 2 ? 1 : 0)));
    expect(answers).toEqual([Sent.taken, Sent.taken, Sent.full, Sent.full]);
    card.give(60);
    expect(card.numbers()).toEqual([2, 1]);
    card.give(60);
    expect(card.numbers()).toEqual([2, 1, 3]);
    card.give(60);
    expect(card.numbers()).toEqual([2, 1, 3, 4]);
    expect(card.held).toEqual([]);
    expectBalance([loopback.counters()]);
    expect(loopback.counters().lanes[0].toldFull).toBeGreaterThan(1);
  });

  it('lets no small frame overtake a large one', () => {
    const card = new TestCard(1, 1, 100).plugInto(new Loopback());
    expect(card.burst([bytesOf(9, 1, 1, 0, 500), bytesOf(9, 1, 2, 0, 60)])).toEqual([Sent.taken, Sent.full]);
    card.give(100);
    expect(card.numbers()).toEqual([]);
    card.give(1000);
    expect(card.numbers()).toEqual([1, 2]);
  });

  it('bears a card that sends from within its receive path', () => {
    const card = new TestCard(1).plugInto(new Loopback());
    let left = 5;
    card.onFrame = () => {
      if (left-- > 0) card.burst([bytesOf(9, 1, left)]);
    };
    card.burst([bytesOf(9, 1, 9)]);
    expect(card.numbers()).toEqual([9, 4, 3, 2, 1, 0]);
  });

  it('counts what it loses, and what the card itself drops', () => {
    const loopback = new Loopback();
    const card = new TestCard(1).plugInto(loopback);
    card.refuses = true;
    expect(card.transmit(bytesOf(9, 1))).toBe(Sent.dropped);
    loopback.attach(undefined);
    expect(loopback.send(frameOf(bytesOf(9, 1)), 0)).toBe(Sent.dropped);
    expect(loopback.counters().lanes[0]).toMatchObject({ inFrames: 2, refused: 1, dropped: { unconnected: 1 } });
    expectBalance([loopback.counters()]);
  });
});
