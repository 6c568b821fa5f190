import { describe, expect, it } from 'vitest';
import { Switch, type SwitchOptions } from '../../src/fabric/index.js';
import { connect, Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { broadcast, bytesOf, frameOf, TestCard } from './card.js';
import { expectBalance, totals } from './totals.js';
import { noProperties } from '../support/noProperties.js';

function setUp(cards: number, options: Partial<SwitchOptions> = {}) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock, ...options });
  const all = Array.from({ length: cards }, (_, i) => new TestCard(i + 1).plugInto(fabric.addPort(`port ${i + 1}`)));
  return { clock, fabric, cards: all };
}

/** Makes cards answer with a burst to a station, `times` in all. */
function answerer(times: number) {
  let left = times;
  return (card: TestCard, to: number) => () => {
    if (left-- > 0) card.burst([bytesOf(to, card.station)]);
  };
}

/** How many frames each card has got. */
const counts = (cards: TestCard[]): number[] => cards.map((card) => card.received.length);

describe('switch', () => {
  it('floods to unknown stations and relays to known ones, never back', () => {
    const { cards, fabric } = setUp(3);
    cards[0].burst([bytesOf(2, 1)]);
    expect(counts(cards)).toEqual([0, 1, 1]);
    cards[1].burst([bytesOf(1, 2)]);
    expect(counts(cards)).toEqual([1, 1, 1]);
    cards[0].burst([bytesOf(2, 1, 7)]);
    expect(counts(cards)).toEqual([1, 2, 1]);
    expect(cards[1].received[1].bytes).toEqual(bytesOf(2, 1, 7));
    expect(totals(fabric.counters().ports)).toMatchObject({ inFrames: 3, outFrames: 4, floodCopies: 1 });
    expectBalance(fabric.counters().ports);
  });

  it('floods broadcast and multicast, even where a group address was a source', () => {
    const { cards } = setUp(3);
    cards[0].burst([bytesOf(broadcast, 1)]);
    expect(counts(cards)).toEqual([0, 1, 1]);
    const group = [0x33, 0x33, 0, 0, 0, 1];
    const fromGroup = bytesOf(broadcast, 2);
    fromGroup.set(group, 6);
    cards[1].burst([fromGroup]);
    const toGroup = bytesOf(1, 1);
    toGroup.set(group, 0);
    cards[0].burst([toGroup]);
    expect(counts(cards)).toEqual([1, 2, 3]);
  });

  it('forgets a station after 300 seconds of silence', () => {
    const { cards, clock } = setUp(3);
    cards[1].burst([bytesOf(broadcast, 2)]);
    clock.advance(299_999);
    cards[0].burst([bytesOf(2, 1)]);
    expect(counts(cards)).toEqual([1, 1, 1]);
    clock.advance(1);
    cards[0].burst([bytesOf(2, 1)]);
    expect(counts(cards)).toEqual([1, 2, 2]);
  });

  it('a frame from a station makes it young again', () => {
    const { cards, clock } = setUp(3, { ageing: 1000 });
    for (let i = 0; i < 5; i++) {
      cards[1].burst([bytesOf(broadcast, 2)]);
      clock.advance(900);
    }
    cards[0].burst([bytesOf(2, 1)]);
    expect(cards[2].received.length).toBe(5);
  });

  it('follows a station that moves', () => {
    const { cards } = setUp(3);
    cards[1].burst([bytesOf(broadcast, 9)]);
    cards[2].burst([bytesOf(broadcast, 9)]);
    const before = counts(cards);
    cards[0].burst([bytesOf(9, 1)]);
    expect(counts(cards)).toEqual([before[0], before[1], before[2] + 1]);
  });

  it('filters a frame whose station is on the port that it came from, and counts it', () => {
    const { cards, fabric } = setUp(2);
    cards[0].burst([bytesOf(broadcast, 8)]);
    expect(cards[0].burst([bytesOf(8, 1)])).toEqual([Sent.dropped]);
    expect(counts(cards)).toEqual([0, 1]);
    expect(fabric.counters().ports[0].lanes[0].filtered).toBe(1);
    expectBalance(fabric.counters().ports);
  });

  it.each([
    ['a runt', bytesOf(2, 1, 0, 0, 60).subarray(0, 13), 'runt'],
    ['a frame longer than any backlog', bytesOf(2, 1, 0, 0, (1 << 20) + 1), 'tooLong'],
  ] as const)('drops %s', (_, bytes, reason) => {
    const { cards, fabric } = setUp(2);
    expect(cards[0].burst([bytes])).toEqual([Sent.dropped]);
    expect(fabric.counters().ports[0].lanes[0]).toMatchObject({ inFrames: 1, dropped: { [reason]: 1 } });
  });

  it('counts a frame for nobody', () => {
    const { cards, fabric } = setUp(1);
    fabric.addPort('empty');
    expect(cards[0].burst([bytesOf(broadcast, 1)])).toEqual([Sent.dropped]);
    expect(fabric.counters().ports[0].lanes[0]).toMatchObject({ inFrames: 1, filtered: 1, dropped: noProperties });
  });

  it('floods only to cards that listen, and still sends them what is for them alone', () => {
    const { cards, fabric } = setUp(3);
    cards[1].burst([bytesOf(broadcast, 2)]);
    cards[1].listening = false;
    cards[0].burst([bytesOf(broadcast, 1), bytesOf(2, 1)]);
    const [, deaf, other] = fabric.counters().ports.map(({ lanes }) => lanes[0]);
    expect(deaf.outFrames).toBe(1);
    expect(other.outFrames).toBe(2);
  });

  it('does not count a port without a card as a receiver', () => {
    const { cards, fabric } = setUp(3);
    fabric.addPort('empty');
    cards[0].burst([bytesOf(broadcast, 1)]);
    expect(totals(fabric.counters().ports)).toMatchObject({ outFrames: 2, floodCopies: 1, dropped: 0 });
  });

  it('counts frames and bytes of each lane in each direction', () => {
    const clock = new ManualClock();
    const fabric = new Switch({ clock });
    const [a, b] = [new TestCard(1, 2), new TestCard(2, 4)].map((card) => card.plugInto(fabric.addPort(card.name)));
    a.burst([bytesOf(2, 1, 0, 3, 100), bytesOf(2, 1, 1, 1, 200)], 1);
    const [portA, portB] = fabric.counters().ports;
    expect(portA.name).toBe('card 1');
    expect(portA.lanes[1]).toMatchObject({ inFrames: 2, inBytes: 300, outFrames: 0 });
    expect(portB.lanes.map((lane) => lane.outBytes)).toEqual([0, 200, 0, 100]);
    expect(b.received.map(({ lane }) => lane)).toEqual([3, 1]);
    expect(JSON.parse(JSON.stringify(fabric.counters()))).toEqual(fabric.counters());
  });

  it('flushes each receiver of a burst once, and nobody else', () => {
    const { cards } = setUp(4);
    cards[1].burst([bytesOf(broadcast, 2)]);
    cards[2].burst([bytesOf(broadcast, 3)]);
    for (const card of cards) card.flushes = 0;
    cards[0].burst([2, 3, 2, 3, 2].map((to, i) => bytesOf(to, 1, i)));
    expect(cards.map((card) => card.flushes)).toEqual([0, 1, 1, 0]);
    cards[0].burst([]);
    expect(cards.map((card) => card.flushes)).toEqual([0, 1, 1, 0]);
  });

  it.each(['onFrame', 'onFlush'] as const)('bears cards that answer from within %s', (when) => {
    const { cards, fabric } = setUp(3);
    const [a, b] = cards;
    const answer = answerer(50);
    a[when] = answer(a, 2);
    b[when] = answer(b, 1);
    a.burst([bytesOf(2, 1)]);
    // One question and fifty answers; the first of all was flooded.
    expect(counts(cards)).toEqual([25, 26, 1]);
    expectBalance(fabric.counters().ports);
  });

  it('answers thousands of bursts in turn without growing the stack', () => {
    const { cards } = setUp(2);
    const [a, b] = cards;
    const answer = answerer(50_000);
    a.onFlush = answer(a, 2);
    b.onFlush = answer(b, 1);
    a.burst([bytesOf(2, 1)]);
    expect(counts(cards)).toEqual([25_000, 25_001]);
  });

  it('lets a receiver remove and add ports while a frame is flooded', () => {
    const { cards, fabric } = setUp(4);
    const ports = cards.map((card) => card.peer!);
    let added: TestCard | undefined;
    cards[1].onFrame = () => {
      fabric.removePort(ports[2]);
      added = new TestCard(7).plugInto(fabric.addPort('new'));
    };
    cards[0].burst([bytesOf(broadcast, 1)]);
    expect(counts(cards)).toEqual([0, 1, 0, 1]);
    expect(cards[2].peer).toBeUndefined();
    expect(added!.received).toEqual([]);
    cards[1].onFrame = undefined;
    cards[0].burst([bytesOf(broadcast, 1)]);
    expect(counts([...cards, added!])).toEqual([0, 2, 0, 2, 1]);
  });

  it('forgets the stations of a card that is unplugged, and serves the next one', () => {
    const { cards } = setUp(3);
    const port = cards[1].peer!;
    cards[1].burst([bytesOf(broadcast, 2)]);
    port.attach(undefined);
    cards[0].burst([bytesOf(2, 1)]);
    expect(counts(cards)).toEqual([1, 0, 2]);
    const next = new TestCard(4).plugInto(port);
    cards[0].burst([bytesOf(4, 1)]);
    expect(next.received.length).toBe(1);
  });

  it('answers a card that does not know its port was removed', () => {
    const { cards, fabric } = setUp(2);
    const port = fabric.addPort('gone');
    const card = new TestCard(3).plugInto(port);
    fabric.removePort(port);
    fabric.removePort(port);
    expect(card.peer).toBeUndefined();
    expect(port.send(frameOf(bytesOf(broadcast, 3)), 0)).toBe(Sent.dropped);
    expect(port.counters().lanes[0].dropped).toEqual({ unconnected: 1 });
    expect(() => connect(card, port)).toThrow('The port gone was removed from its switch.');
    expect(counts(cards)).toEqual([0, 0]);
  });

  it('parts the card from its port whose place another takes, and forgets where that one was', () => {
    const { cards, fabric } = setUp(3);
    cards[0].burst([bytesOf(2, 1)]);
    const port = cards[0].peer!;
    const taker = new TestCard(9);
    connect(taker, port);
    expect(cards[0].peer).toBeUndefined();
    expect(taker.peer).toBe(port);
    // What is for the station that was there goes everywhere, as nobody knows where it is now.
    const before = cards[2].received.length;
    cards[1].burst([bytesOf(1, 2)]);
    expect([taker.received.length, cards[2].received.length - before]).toEqual([1, 1]);
    expectBalance(fabric.counters().ports);
  });

  it('works through a second switch, room and all', () => {
    const one = setUp(1);
    const two = new Switch({ clock: one.clock, backlogFrames: 2 });
    connect(one.fabric.addPort('trunk'), two.addPort('trunk'));
    const far = new TestCard(5, 2, 0).plugInto(two.addPort('far'));
    const sequences = Array.from({ length: 300 }, (_, i) => i);
    const [near] = one.cards;
    near.burst(sequences.map((i) => bytesOf(5, 1, i)));
    expect(near.held.length).toBe(300 - 2 - 256);
    for (let i = 0; i < 300; i++) far.give(60);
    expect(far.numbers()).toEqual(sequences);
    far.burst([bytesOf(1, 5)]);
    expect(near.received.length).toBe(1);
  });

  const [million, gibi] = [1 << 20, 1 << 30];
  it.each<[keyof SwitchOptions, number[], string]>([
    ['backlogFrames', [0, 1.5, Infinity, NaN], `1 to ${million}`],
    // A frame could not wait at all in less than the least.
    ['backlogBytes', [1500, Infinity], `131072 to ${gibi}`],
    ['deadline', [-1, Infinity, NaN], '0 to 3600000'],
    ['stations', [0, Infinity], `1 to ${million}`],
  ])('refuses %s out of their range at the start', (name, values, range) => {
    for (const value of values) {
      expect(() => new Switch({ clock: new ManualClock(), [name]: value })).toThrow(
        new RangeError(`${name} is ${value}; it must be a whole number from ${range}.`),
      );
    }
  });
});
