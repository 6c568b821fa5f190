import { describe, expect, it } from 'vitest';
import {
  ConditionedLink,
  connect,
  Switch,
  type LinkConditions,
  type LinkLaneCounters,
} from '../../src/fabric/index.js';
import { gsoType, type Frame } from '../../src/net/link/frame.js';
import { disconnect, Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { buildPacket, packetFrame } from '../support/packets.js';
import { bytesOf, frameOf, sequenceOf, TestCard } from './card.js';
import { noProperties } from '../support/noProperties.js';

/** Two cards with a link between them: the first at the link's near end, the second is the port behind it. */
function setUp(conditions: LinkConditions, { lanes = 1, buffers = Infinity } = {}) {
  const clock = new ManualClock();
  const a = new TestCard(1, lanes);
  const b = new TestCard(2, lanes, buffers);
  const link = new ConditionedLink(b, conditions, { clock });
  connect(a, link.port);
  /** What comes out at the second card, and when. */
  const out: { at: number; sequence: number; lane: number }[] = [];
  b.onFrame = (bytes) => out.push({ at: clock.now(), sequence: sequenceOf(bytes), lane: bytes[14] });
  const send = (sequence: number, { size = 60, lane = 0 } = {}) =>
    a.transmit(bytesOf(2, 1, sequence, lane, size), lane);
  const counters = (lane = 0): LinkLaneCounters => link.counters().fromCard[lane];
  return { clock, a, b, link, out, send, counters, times: () => out.map(({ at }) => at) };
}

/** 100 bytes are a millisecond. */
const rate = 800_000;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function expectBalance({ frames, duplicated, delivered, refused, waitingFrames, dropped }: LinkLaneCounters): void {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  expect(frames + duplicated).toBe(delivered + refused + waitingFrames + lost);
}

describe('a link with conditions', () => {
  it('without any does what a cable does, and flushes with its sender', () => {
    const { a, b, out } = setUp({});
    a.burst([bytesOf(2, 1, 1), bytesOf(2, 1, 2)]);
    expect(out.map(({ at, sequence }) => [at, sequence])).toEqual([
      [0, 1],
      [0, 2],
    ]);
    expect(b.flushes).toBe(1);
    b.burst([bytesOf(1, 2)]);
    expect(a.received).toHaveLength(1);
    expect(a.flushes).toBe(1);
  });

  it('shows either side the lanes, offloads and readiness of the other', () => {
    const { a, b, link } = setUp({ delay: 1 }, { lanes: 3 });
    b.offloads = 5;
    b.listening = false;
    expect([link.port.lanes, link.port.offloads, link.port.listening]).toEqual([3, 5, false]);
    a.offloads = 3;
    expect(b.peer!.offloads).toBe(3);
  });

  it('delays each way by itself, to the moment', () => {
    const { a, b, clock, send, times } = setUp({ delay: 20 });
    send(1);
    clock.advance(7);
    send(2);
    b.transmit(bytesOf(1, 2));
    clock.advance(12.9);
    expect(times()).toEqual([]);
    clock.advance(0.1);
    expect(times()).toEqual([20]);
    expect(b.flushes).toBe(1);
    expect(a.received).toEqual([]);
    clock.advance(7);
    expect(times()).toEqual([20, 27]);
    expect(a.received).toHaveLength(1);
  });

  it('lets bits through at its rate, one frame after the other', () => {
    const { clock, send, times } = setUp({ rate, queue: 100 });
    for (const [i, size] of [100, 300, 60].entries()) send(i, { size });
    clock.advance(50);
    send(3, { size: 1000 });
    clock.advance(50);
    expect(times()).toEqual([1, 4, 4.6, 60]);
  });

  it('loses no rate to timers that are late', () => {
    const clock = new ManualClock();
    const late = { now: () => clock.now(), after: (ms: number, then: () => void) => clock.after(ms + 3, then) };
    const b = new TestCard(2);
    const a = new TestCard(1).plugInto(new ConditionedLink(b, { rate, queue: 10 }, { clock: late }).port);
    for (const i of numbers(1000)) a.transmit(bytesOf(2, 1, i, 0, 100));
    clock.advance(1004);
    expect(b.numbers()).toEqual(numbers(1000));
  });

  it('counts a large frame as the segments that it is to become, and lets it through whole', () => {
    const { a, b, clock } = setUp({ rate, mtu: 1500 });
    const payload = new Uint8Array(10_000);
    const packet = buildPacket({ version: 4, transport: 'tcp', payload });
    const large = (gsoSize: number): Frame => packetFrame(packet, { gso: gsoType.tcp4, gsoSize });
    // Seven segments with 54 bytes of headers each.
    expect(a.peer!.send(large(1448), 0)).toBe(Sent.taken);
    clock.advance((10_000 + 7 * 54) / 100 - 0.01);
    expect(b.received).toHaveLength(0);
    clock.advance(0.02);
    expect(b.received.map(({ bytes }) => bytes.length)).toEqual([10_054]);
    expect(a.peer!.send(large(1461), 0)).toBe(Sent.dropped);
  });

  it('drops what is larger than its MTU, and says why', () => {
    const { a, send, out, counters } = setUp({ mtu: 1000 });
    expect(send(1, { size: 1014 })).toBe(Sent.taken);
    expect(send(2, { size: 1015 })).toBe(Sent.dropped);
    const frame = frameOf(bytesOf(2, 1, 3, 0, 5000));
    expect(a.peer!.send(frame, 0)).toBe(Sent.dropped);
    expect(frame.lost).toBe('tooLong');
    expect(out.map(({ sequence }) => sequence)).toEqual([1]);
    expect(counters()).toMatchObject({ frames: 3, delivered: 1, dropped: { tooLong: 2 } });
  });

  it('tells its sender that it is full, and when it is not any more', () => {
    const { a, clock, send, times, counters } = setUp({ rate, queue: 5 });
    // The first is on its way at once; behind it wait 5 ms of frames.
    expect(numbers(8).map((i) => send(i, { size: 100 }))).toEqual([
      ...new Array<Sent>(6).fill(Sent.taken),
      ...new Array<Sent>(2).fill(Sent.full),
    ]);
    expect(a.held).toHaveLength(2);
    expect(counters()).toMatchObject({ toldFull: 2, waitingFrames: 6 });
    clock.advance(20);
    expect(a.held).toEqual([]);
    expect(times()).toEqual(numbers(8).map((i) => i + 1));
  });

  it.each([
    [{ rate: 1e9, delay: 100 }, 292],
    [{ laneRate: 1e9, delay: 100 }, 292],
    [{ delay: 20 }, 20],
  ])('is filled whatever its delay: %j', (conditions, milliseconds) => {
    const { a, clock, send, times } = setUp(conditions);
    // 24 megabytes, many more than may wait for their turn.
    for (const i of numbers(400)) send(i, { size: 60_000 });
    clock.advance(milliseconds + 0.001);
    expect(a.held).toEqual([]);
    expect(times()).toHaveLength(400);
    expect(times().at(-1)).toBeCloseTo(milliseconds);
  });

  it('tells its sender to wait when much has come that the receiver has no room for, and not before', () => {
    const { b, clock, send, counters, out } = setUp({ delay: 20 }, { buffers: 0 });
    // Two megabytes in memory, of which the receiver may be owed one.
    expect(new Set(numbers(32).map((i) => send(i, { size: 60_000 })))).toEqual(new Set([Sent.taken]));
    clock.advance(20);
    expect(send(32, { size: 60_000 })).toBe(Sent.full);
    expect(counters()).toMatchObject({ waitingFrames: 32, waitingBytes: 2 << 20, toldFull: 1 });
    // Half of that one is to be free.
    b.give(23 * 60_000);
    expect(counters()).toMatchObject({ frames: 32, delivered: 23 });
    b.give(60_000);
    expect(counters()).toMatchObject({ frames: 33, delivered: 24 });
    b.give(Infinity);
    clock.advance(20);
    expect(out.map(({ sequence }) => sequence)).toEqual(numbers(33));
    expect(counters()).toMatchObject({ waitingFrames: 0, waitingBytes: 0 });
  });

  it('takes 64 megabytes for a lane at most, where nothing else is said', () => {
    const { send, counters } = setUp({ delay: 60_000 });
    // A power of two takes the least memory.
    while (send(0, { size: 1 << 16 }) === Sent.taken);
    expect(counters()).toMatchObject({ waitingFrames: 1024, waitingBytes: 1 << 26 });
  });

  it('holds no more than it is told to, of any lane', () => {
    const { a, clock, send, counters, out } = setUp({ delay: 1000, laneBytes: 1 << 17 }, { lanes: 2 });
    for (const i of numbers(5)) send(i, { size: 60_000 });
    expect(a.held).toHaveLength(3);
    expect(send(9, { size: 60_000, lane: 1 })).toBe(Sent.taken);
    // Each in memory of a power of two.
    expect(counters().waitingBytes).toBe(2 << 16);
    clock.advance(3000);
    expect(out.filter(({ lane }) => lane === 0).map(({ at, sequence }) => [at, sequence])).toEqual([
      [1000, 0],
      [1000, 1],
      [2000, 2],
      [2000, 3],
      [3000, 4],
    ]);
    expect(counters()).toMatchObject({ waitingFrames: 0, waitingBytes: 0, delivered: 5 });
  });

  it('gives each lane its own rate, and all together theirs', () => {
    const { clock, send, out } = setUp({ rate: 2 * rate, laneRate: rate, queue: 1000 }, { lanes: 3 });
    for (const lane of [0, 1, 2]) for (const i of numbers(100)) send(i, { size: 100, lane });
    const count = (lane: number): number => out.filter((frame) => frame.lane === lane).length;
    clock.advance(60);
    // Three lanes of one could send 180 frames; the link lets two thirds of them through.
    expect(out.length).toBeGreaterThanOrEqual(118);
    expect(out.length).toBeLessThanOrEqual(120);
    clock.advance(1000);
    expect([0, 1, 2].map(count)).toEqual([100, 100, 100]);
  });

  it('never has a lane wait for another one that is slow', () => {
    const { clock, send, out } = setUp({ laneRate: rate, queue: 1000 }, { lanes: 2 });
    for (const i of numbers(50)) send(i, { size: 1000 });
    send(99, { size: 100, lane: 1 });
    clock.advance(1);
    expect(out).toEqual([{ at: 1, sequence: 99, lane: 1 }]);
  });

  it('keeps the order of a lane when delays vary, and lets chosen frames overtake', () => {
    const run = (conditions: LinkConditions) => {
      const { clock, send, out, counters } = setUp(conditions);
      for (const i of numbers(1000)) {
        send(i);
        clock.advance(1);
      }
      clock.advance(100);
      expectBalance(counters());
      return {
        delays: out.map(({ at, sequence }) => at - sequence),
        order: out.map(({ sequence }) => sequence),
        counters,
      };
    };
    const jittery = run({ delay: 20, jitter: 10 });
    expect(jittery.order).toEqual(numbers(1000));
    expect(Math.min(...jittery.delays)).toBeGreaterThanOrEqual(10);
    expect(Math.min(...jittery.delays)).toBeLessThan(20);
    expect(Math.max(...jittery.delays)).toBeLessThan(30);
    expect(new Set(jittery.delays).size).toBeGreaterThan(50);
    const reordered = run({ delay: 20, reorder: 0.1 });
    expect(new Set(reordered.delays)).toEqual(new Set([0, 20]));
    const early = reordered.delays.filter((delay) => delay === 0).length;
    expect(early).toBeGreaterThan(60);
    expect(early).toBeLessThan(140);
    expect(reordered.counters().reordered).toBe(early);
    expect([...reordered.order].sort((a, b) => a - b)).toEqual(numbers(1000));
  });

  it('loses and doubles as many as it is told to, the same ones for the same seed', () => {
    const run = (seed: number) => {
      const { send, out, counters } = setUp({ loss: 0.2, duplicate: 0.1, seed });
      const answers = numbers(5000).map((i) => send(i));
      expectBalance(counters());
      const { dropped, duplicated, delivered } = counters();
      expect(answers.filter((answer) => answer === Sent.dropped)).toHaveLength(dropped.linkLoss!);
      expect(delivered).toBe(5000 - dropped.linkLoss! + duplicated);
      return { dropped, duplicated, order: out.map(({ sequence }) => sequence) };
    };
    const first = run(7);
    expect(first.dropped.linkLoss! / 5000).toBeCloseTo(0.2, 1);
    expect(first.duplicated / 4000).toBeCloseTo(0.1, 1);
    // The second copy comes right behind the first.
    expect(first.order).toEqual([...first.order].sort((a, b) => a - b));
    expect(run(7)).toEqual(first);
    expect(run(8).order).not.toEqual(first.order);
  });

  it('loses each way by itself', () => {
    const { a, b, link } = setUp({ loss: 0.5 });
    for (const i of numbers(100)) {
      a.transmit(bytesOf(2, 1, i));
      b.transmit(bytesOf(1, 2, i));
    }
    const { fromCard, toCard } = link.counters();
    expect(fromCard[0].dropped.linkLoss).toBeGreaterThan(20);
    expect(toCard[0].dropped.linkLoss).toBeGreaterThan(20);
    expect(a.numbers()).not.toEqual(b.numbers());
  });

  it('tells who captures of what is lost on its way to the card', () => {
    const { b, link } = setUp({ loss: 1 });
    const seen: unknown[] = [];
    link.port.onLost = (frame) => seen.push(frame.lost);
    b.transmit(bytesOf(1, 2));
    expect(seen).toEqual(['linkLoss']);
  });

  it('keeps frames that the receiver has no room for, and goes on with those that it has', () => {
    const { b, clock, out, send, counters } = setUp({ delay: 5 }, { lanes: 2, buffers: 0 });
    b.buffers[1] = Infinity;
    for (const i of numbers(3)) send(i);
    send(10, { lane: 1 });
    clock.advance(5);
    expect(out.map(({ sequence }) => sequence)).toEqual([10]);
    send(3);
    clock.advance(5);
    b.give(120);
    expect(out.slice(1).map(({ sequence }) => sequence)).toEqual([0, 1]);
    expect(b.flushes).toBeGreaterThan(0);
    b.give(Infinity);
    expect(out.slice(3).map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(counters()).toMatchObject({ delivered: 4, waitingFrames: 0 });
  });

  it('hands over the second copy later where there is no room for it', () => {
    const { b, send, out, counters } = setUp({ duplicate: 1 }, { buffers: 60 });
    send(1);
    expect(out).toHaveLength(1);
    expect(counters().waitingFrames).toBe(1);
    b.give(60);
    expect(out.map(({ sequence }) => sequence)).toEqual([1, 1]);
    expectBalance(counters());
  });

  it('counts what its receiver drops as refused', () => {
    const { b, clock, send, counters } = setUp({ delay: 1 });
    b.refuses = true;
    send(1);
    clock.advance(1);
    expect(counters()).toMatchObject({ delivered: 0, refused: 1, waitingFrames: 0, dropped: noProperties });
  });

  it('steers anew what comes to a card with fewer lanes than before', () => {
    const { b, clock, send } = setUp({ delay: 1 }, { lanes: 4 });
    send(1, { lane: 3 });
    b.lanes = 1;
    clock.advance(1);
    expect(b.received.map(({ lane }) => lane)).toEqual([0]);
  });

  it('parts both sides, and counts what was on its way', () => {
    const { a, b, clock, link, send, counters, out } = setUp({ delay: 10, duplicate: 1, rate, queue: 100 });
    for (const i of numbers(3)) send(i, { size: 100 });
    clock.advance(1.5);
    disconnect(a, link.port);
    expect(b.peer).toBeUndefined();
    expect(counters()).toMatchObject({ waitingFrames: 0, waitingBytes: 0, dropped: { unconnected: 6 } });
    clock.advance(100);
    expect(out).toEqual([]);
    a.plugInto(link.port);
    send(7, { size: 100 });
    clock.advance(20);
    expect(out.map(({ sequence }) => sequence)).toEqual([7, 7]);
    expectBalance(counters());
  });

  it('may be parted by its receiver while that gets frames, or has room again', () => {
    const { a, b, link, send, counters } = setUp({ duplicate: 1 }, { buffers: 0 });
    for (const i of numbers(3)) send(i);
    b.onFrame = () => disconnect(a, link.port);
    b.give(Infinity);
    expect(b.received).toHaveLength(1);
    expect(counters()).toMatchObject({ delivered: 1, waitingFrames: 0, waitingBytes: 0, dropped: { unconnected: 5 } });
    expectBalance(counters());
  });

  it('lets its receiver answer and give room from within', () => {
    const { a, b, clock, send, out, link } = setUp({ delay: 1, laneBytes: 1 << 17 }, { buffers: 60 });
    b.onFrame = (bytes) => {
      out.push({ at: clock.now(), sequence: sequenceOf(bytes), lane: 0 });
      b.give(60);
      b.transmit(bytesOf(1, 2));
    };
    for (const i of numbers(50)) send(i);
    clock.advance(1);
    expect(out.map(({ sequence }) => sequence)).toEqual(numbers(50));
    clock.advance(1);
    expect(a.received).toHaveLength(50);
    const { fromCard, toCard } = link.counters();
    [...fromCard, ...toCard].forEach(expectBalance);
  });

  it('leaves no timer behind when nothing is on its way', () => {
    const clock = new ManualClock();
    let timers = 0;
    const counting = {
      now: () => clock.now(),
      after: (ms: number, then: () => void) => {
        timers++;
        const cancel = clock.after(ms, () => {
          timers--;
          then();
        });
        return () => {
          timers--;
          cancel();
        };
      },
    };
    const link = new ConditionedLink(new TestCard(2), { delay: 5, rate }, { clock: counting });
    const a = new TestCard(1).plugInto(link.port);
    for (const i of numbers(10)) a.transmit(bytesOf(2, 1, i));
    expect(timers).toBe(1);
    clock.advance(100);
    expect(timers).toBe(0);
    a.transmit(bytesOf(2, 1));
    disconnect(a, link.port);
    expect(timers).toBe(0);
  });

  it('is gone with its port on a switch', () => {
    const clock = new ManualClock();
    const fabric = new Switch({ clock });
    const port = fabric.addPort('port');
    const link = new ConditionedLink(port, { delay: 5 }, { clock });
    const a = new TestCard(1).plugInto(link.port);
    a.transmit(bytesOf(2, 1));
    fabric.removePort(port);
    expect(a.peer).toBeUndefined();
    expect(link.counters().fromCard[0].dropped).toEqual({ unconnected: 1 });
  });

  it.each([
    [{ queue: 5, delay: 1 }, /^queue needs a rate/],
    [{ rate: 0 }, /^rate is 0 bit\/s; it must be at least 1 bit\/s\.$/],
    [{ laneRate: -1 }, /^laneRate/],
    [{ delay: -1 }, /^delay is -1 ms; it must be from 0 to 60000 ms\.$/],
    [{ loss: 1.1 }, /^loss/],
    [{ duplicate: NaN }, /^duplicate/],
    [{ mtu: 67 }, /^mtu/],
    [{ laneBytes: 65536 }, /^laneBytes/],
    [{ delay: 5, jitter: 6 }, /at most the delay/],
    [{ reorder: 0.1 }, /needs a delay/],
  ] satisfies [LinkConditions, RegExp][])('refuses %j', (conditions, message) => {
    const make = () => new ConditionedLink(new TestCard(1), conditions, { clock: new ManualClock() });
    expect(make).toThrow(RangeError);
    expect(make).toThrow(message);
  });
});
