import { describe, expect, it } from 'vitest';
import { Switch, type SwitchOptions } from '../../src/fabric/index.js';
import { Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { broadcast, bytesOf, TestCard } from './card.js';
import { expectBalance, totals } from './totals.js';
import { noProperties } from '../support/noProperties.js';

/** Cards with these buffers each on a switch that knows them all already. */
function setUp(buffers: number[], options: Partial<SwitchOptions> = {}, lanes = 1) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock, backlogFrames: 3, deadline: 1000, ...options });
  const cards = buffers.map((_, i) => new TestCard(i + 1, lanes).plugInto(fabric.addPort(`port ${i + 1}`)));
  for (const card of cards) card.burst([bytesOf(broadcast, card.station)]);
  buffers.forEach((bytes, i) => {
    cards[i].received = [];
    cards[i].flushes = 0;
    cards[i].buffers.fill(bytes);
  });
  const lane = (port: number, index = 0) => fabric.counters().ports[port].lanes[index];
  return { clock, fabric, cards, lane };
}

const frames = (to: number, from: number, count: number, flow = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => bytesOf(to, from, i, flow));

describe('a receiver without buffers', () => {
  it('lets frames wait, then pauses the sender, and gets all in order, with one flush, when it has buffers', () => {
    const { cards, lane } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    expect(sender.burst(frames(2, 1, 5))).toEqual([Sent.taken, Sent.taken, Sent.taken, Sent.full, Sent.full]);
    expect(lane(1)).toMatchObject({ waitingFrames: 3, waitingBytes: 180, toldFull: 2 });
    expect(receiver.flushes).toBe(0);
    receiver.give(Infinity);
    expect(receiver.numbers()).toEqual([0, 1, 2, 3, 4]);
    expect(receiver.flushes).toBe(1);
    expect(sender.invitations).toBe(1);
    expect(lane(1)).toMatchObject({ waitingFrames: 0, peakFrames: 3, peakBytes: 180, dropped: noProperties });
  });

  it('gets what its buffers allow, and the rest later', () => {
    const { cards } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    sender.burst(frames(2, 1, 8));
    for (let n = 1; n <= 8; n++) {
      receiver.give(60);
      expect(receiver.numbers()).toEqual(Array.from({ length: n }, (_, i) => i));
    }
    expect(sender.held).toEqual([]);
  });

  it('is flushed for what waited even where no sender is paused', () => {
    const { cards } = setUp([Infinity, 0]);
    cards[0].burst(frames(2, 1, 2));
    cards[1].give(Infinity);
    expect(cards[1].flushes).toBe(1);
    expect(cards[0].invitations).toBe(0);
  });

  it('never holds up traffic to another', () => {
    const { cards, lane } = setUp([Infinity, 0, Infinity]);
    const mixed = Array.from({ length: 40 }, (_, i) => bytesOf(2 + (i % 2), 1, i));
    const answers = cards[0].burst(mixed);
    expect(answers.filter((_, i) => i % 2 === 1)).toEqual(new Array(20).fill(Sent.taken));
    expect(cards[2].numbers()).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i + 1));
    expect(cards[0].held.length).toBe(17);
    expect(lane(1).dropped).toEqual({});
  });

  it('never holds up another lane of its own', () => {
    const { cards } = setUp([Infinity, 0], {}, 2);
    cards[1].buffers[1] = Infinity;
    cards[0].burst([...frames(2, 1, 9, 0), ...frames(2, 1, 9, 1)]);
    expect(cards[1].received.map(({ lane }) => lane)).toEqual(new Array(9).fill(1));
  });

  it('gives each paused sender its turn', () => {
    const { cards } = setUp([Infinity, Infinity, 0], { backlogFrames: 1 });
    const [a, b, receiver] = cards;
    a.burst(frames(3, 1, 10));
    b.burst(frames(3, 2, 10));
    for (let i = 0; i < 19; i++) receiver.give(60);
    const order = receiver.received.map(({ bytes }) => bytes[11]);
    expect(order.slice(1, 9)).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
  });

  it('does not starve a large frame by small ones of others', () => {
    const { cards, lane } = setUp([Infinity, Infinity, 0], { backlogFrames: 4000, backlogBytes: 1 << 17 });
    const [large, small, receiver] = cards;
    small.burst(frames(3, 2, 2184));
    expect(large.burst([bytesOf(3, 1, 9, 0, 60_000)])).toEqual([Sent.full]);
    for (let given = 0; large.held.length > 0 && given < 1 << 18; given += 600) {
      small.burst(frames(3, 2, 10));
      receiver.give(600);
    }
    expect(large.held).toEqual([]);
    expect(lane(2).waitingBytes).toBeLessThanOrEqual(1 << 17);
  });

  it('keeps a small frame behind the large one that its sender was told to keep', () => {
    const { cards } = setUp([Infinity, 0], { backlogBytes: 1 << 17 });
    const [sender, receiver] = cards;
    const sizes = [60_000, 60_000, 60_000, 60];
    sender.burst(sizes.map((size, i) => bytesOf(2, 1, i, 0, size)));
    expect(sender.held.length).toBe(2);
    receiver.give(Infinity);
    expect(receiver.numbers()).toEqual([0, 1, 2, 3]);
  });

  it('gets copies of floods while there is room for them; the rest is counted', () => {
    const { cards, lane, fabric } = setUp([Infinity, 0, Infinity]);
    expect(cards[0].burst(frames(broadcast, 1, 8))).toEqual(new Array(8).fill(Sent.taken));
    expect(cards[2].received.length).toBe(8);
    expect(lane(1)).toMatchObject({ waitingFrames: 6, dropped: { backlogFull: 2 } });
    cards[1].give(Infinity);
    expect(cards[1].numbers()).toEqual([0, 1, 2, 3, 4, 5]);
    expectBalance(fabric.counters().ports);
  });

  it('gets copies of floods though frames for it alone fill their room, and in their place among them', () => {
    const { cards, lane } = setUp([Infinity, 0, Infinity]);
    const [sender, receiver, other] = cards;
    sender.burst(frames(2, 1, 5));
    other.burst(frames(broadcast, 3, 3));
    expect(lane(1)).toMatchObject({ waitingFrames: 6, dropped: noProperties });
    receiver.give(Infinity);
    const order = receiver.received.map(({ bytes }) => bytes[11]);
    expect(order).toEqual([1, 1, 1, 3, 3, 3, 1, 1]);
  });

  it('gets frames for it alone though floods fill their room', () => {
    const { cards } = setUp([Infinity, 0, Infinity]);
    const [sender, receiver, other] = cards;
    other.burst(frames(broadcast, 3, 9));
    sender.burst(frames(2, 1, 2));
    for (let given = 0; given < 20; given++) {
      receiver.give(60);
      other.burst(frames(broadcast, 3, 9));
    }
    expect(sender.held).toEqual([]);
    expect(receiver.received.filter(({ bytes }) => bytes[11] === 1).length).toBe(2);
  });

  it('gets broadcasts whole where it is the only other card', () => {
    const { cards } = setUp([Infinity, 0]);
    cards[0].burst(frames(broadcast, 1, 9));
    cards[1].give(Infinity);
    expect(cards[1].numbers().length).toBe(9);
  });

  it('with fewer lanes than before gets what waited on the lanes that are left', () => {
    const { cards } = setUp([Infinity, 0], {}, 4);
    cards[0].burst(frames(2, 1, 3, 3));
    cards[1].lanes = 1;
    cards[1].give(Infinity);
    expect(cards[1].received.map(({ lane }) => lane)).toEqual([0, 0, 0]);
  });

  it('may give buffers and answer from within its receive path', () => {
    const { cards, fabric } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    sender.burst(frames(2, 1, 20));
    receiver.onFrame = () => {
      receiver.give(60);
      receiver.burst([bytesOf(1, 2)]);
    };
    receiver.give(60);
    expect(receiver.numbers()).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(sender.received.length).toBe(20);
    expectBalance(fabric.counters().ports);
  });

  it('may give buffers from within its flush, as a driver does at an interrupt', () => {
    const { cards } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    sender.burst(frames(2, 1, 20));
    receiver.onFlush = () => receiver.give(60);
    receiver.give(60);
    expect(receiver.numbers()).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('that drops what waited for it has counted that itself', () => {
    const { cards, fabric, lane } = setUp([Infinity, 0]);
    cards[0].burst(frames(2, 1, 2));
    cards[1].refuses = true;
    cards[1].give(0);
    expect(cards[0].burst(frames(2, 1, 1))).toEqual([Sent.dropped]);
    expect(lane(1)).toMatchObject({ refused: 3, waitingFrames: 0, dropped: noProperties });
    expectBalance(fabric.counters().ports);
  });

  it('goes on after an error in a receiver', () => {
    const { cards } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    sender.burst(frames(2, 1, 2));
    receiver.onFrame = () => {
      throw new Error('no');
    };
    expect(() => receiver.give(Infinity)).toThrow('no');
    receiver.onFrame = undefined;
    receiver.give(0);
    expect(receiver.numbers().slice(-1)).toEqual([1]);
  });
});

describe('the deadline', () => {
  it('drops each frame when its own time has come, and counts it', () => {
    const { cards, clock, lane, fabric } = setUp([Infinity, 0]);
    cards[0].burst(frames(2, 1, 1));
    clock.advance(600);
    cards[0].burst(frames(2, 1, 2));
    clock.advance(399);
    expect(lane(1)).toMatchObject({ waitingFrames: 3, dropped: noProperties });
    clock.advance(1);
    expect(lane(1)).toMatchObject({ waitingFrames: 2, dropped: { deadline: 1 } });
    clock.advance(599);
    expect(lane(1).waitingFrames).toBe(2);
    clock.advance(1);
    expect(lane(1)).toMatchObject({ waitingFrames: 0, dropped: { deadline: 3 } });
    expectBalance(fabric.counters().ports);
  });

  it('frees the senders of a receiver that is stuck, and it recovers when it is not', () => {
    const { cards, clock, lane } = setUp([Infinity, 0, Infinity]);
    const [sender, stuck] = cards;
    sender.burst(frames(2, 1, 10));
    expect(sender.held.length).toBe(7);
    clock.advance(1000);
    expect(sender.held).toEqual([]);
    expect(sender.burst(frames(2, 1, 10))).toEqual(new Array(10).fill(Sent.dropped));
    expect(lane(1).dropped).toEqual({ deadline: 20 });
    stuck.give(120);
    expect(sender.burst(frames(2, 1, 4))).toEqual(new Array(4).fill(Sent.taken));
    expect(stuck.numbers()).toEqual([0, 1]);
    expect(lane(1)).toMatchObject({ waitingFrames: 2, dropped: { deadline: 20 } });
  });

  it('begins anew with each frame that a slow receiver takes', () => {
    const { cards, clock, lane } = setUp([Infinity, 0]);
    const [sender, slow] = cards;
    sender.burst(frames(2, 1, 3));
    for (const outFrames of [2, 3]) {
      clock.advance(900);
      slow.give(60);
      expect(lane(1)).toMatchObject({ outFrames, dropped: noProperties });
    }
    clock.advance(999);
    expect(lane(1)).toMatchObject({ waitingFrames: 1, dropped: noProperties });
    clock.advance(1);
    expect(lane(1)).toMatchObject({ waitingFrames: 0, dropped: { deadline: 1 } });
  });

  it('of one frame is a chance for the next, which is flushed', () => {
    const { cards, clock, lane } = setUp([Infinity, 0]);
    cards[0].burst(frames(2, 1, 1));
    clock.advance(500);
    cards[0].burst(frames(2, 1, 1));
    cards[1].buffers[0] = Infinity;
    clock.advance(500);
    expect(lane(1)).toMatchObject({ waitingFrames: 0, dropped: { deadline: 1 } });
    expect(cards[1].received.length).toBe(1);
    expect(cards[1].flushes).toBe(1);
  });

  it('leaves no timer behind when nothing waits, or the switch is closed', () => {
    const { cards, clock, fabric } = setUp([Infinity, 0]);
    let timers = 0;
    const after = clock.after.bind(clock);
    clock.after = (milliseconds, then) => {
      timers++;
      const cancel = after(milliseconds, () => {
        timers--;
        then();
      });
      return () => {
        timers--;
        cancel();
      };
    };
    cards[0].burst(frames(2, 1, 3));
    expect(timers).toBe(1);
    cards[1].give(Infinity);
    clock.advance(1000);
    expect(timers).toBe(0);
    cards[1].buffers[0] = 0;
    cards[0].burst(frames(2, 1, 3));
    expect(timers).toBe(1);
    fabric.close();
    expect(timers).toBe(0);
  });
});

describe('a port that is removed', () => {
  it('counts what waited, and frees its senders', () => {
    const { cards, fabric } = setUp([Infinity, 0, Infinity, Infinity]);
    const port = fabric.addPort('short-lived');
    const gone = new TestCard(9).plugInto(port);
    gone.burst([bytesOf(broadcast, 9)]);
    gone.buffers[0] = 0;
    const [sender] = cards;
    sender.burst(frames(9, 1, 5));
    expect(sender.held.length).toBe(2);
    fabric.removePort(port);
    expect(port.counters().lanes[0]).toMatchObject({ waitingFrames: 0, dropped: { unconnected: 3 } });
    // The two that were held are for an unknown station now.
    expect(sender.held).toEqual([]);
    expect(cards[2].numbers().slice(-2)).toEqual([3, 4]);
    expect(gone.peer).toBeUndefined();
    expectBalance([...fabric.counters().ports, port.counters()]);
  });

  it('may be removed by its own receiver while its backlog drains', () => {
    const { cards, fabric } = setUp([Infinity, 0]);
    const [sender, receiver] = cards;
    const port = fabric.counters().ports.length;
    const peer = receiver.peer as ReturnType<Switch['addPort']>;
    sender.burst(frames(2, 1, 3));
    receiver.onFrame = () => fabric.removePort(peer);
    receiver.give(Infinity);
    expect(receiver.received.length).toBe(1);
    expect(fabric.counters().ports.length).toBe(port - 1);
    expect(peer.counters().lanes[0]).toMatchObject({ outFrames: 2, waitingFrames: 0, dropped: { unconnected: 2 } });
    expectBalance([...fabric.counters().ports, peer.counters()]);
  });

  it('as a paused sender keeps nobody else waiting', () => {
    const { cards, fabric } = setUp([Infinity, Infinity, 0]);
    const [a, b, receiver] = cards;
    a.burst(frames(3, 1, 5));
    b.burst(frames(3, 2, 2));
    fabric.removePort(a.peer!);
    receiver.give(Infinity);
    expect(receiver.received.filter(({ bytes }) => bytes[11] === 2).length).toBe(2);
    expect(totals(fabric.counters().ports)).toMatchObject({ waitingFrames: 0, dropped: 0 });
  });
});
