import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyFrameBytes } from '../../src/fabric/backlog.js';
import { Capture, Switch, type Port } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { broadcast, bytesOf, longFrame, sequenceOf, stationFrom, stationTo, TestCard } from './card.js';
import { TestSink } from './sinks.js';
import { expectBalance, totals } from './totals.js';

const stations = 4;
const lanes = 2;
const unknown = 77;
const backlogFrames = 3;

const station = fc.integer({ min: 1, max: stations });
const size = fc.constantFrom(20, 60, longFrame, 1514, 30_000, 65_000);
const send = fc.record({
  kind: fc.constant('send' as const),
  from: station,
  to: fc.oneof({ weight: 8, arbitrary: station }, fc.constant(broadcast), fc.constant(unknown)),
  flow: fc.nat(lanes - 1),
  size,
});
const give = fc.record({ kind: fc.constant('give' as const), to: station, lane: fc.nat(lanes - 1), size });
const wait = fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.constantFrom(1, 300, 999, 1000) });
const flush = fc.record({ kind: fc.constant('flush' as const), from: station });

type Action = typeof send | typeof give | typeof wait | typeof flush extends fc.Arbitrary<infer T> ? T : never;

/** What stands between a card and its port. */
type Before = (clock: ManualClock) => (port: Port) => Port;

const before: Readonly<Record<string, Before>> = {
  'connected directly': () => (port) => port,
  captured: (clock) => {
    const capture = new Capture(new TestSink(), { clock, bufferBytes: 1 << 19, snapLength: 100 });
    return (port) => capture.tap(port);
  },
};

/** A switch with cards that do what they are told, and a record of all that was ever sent. */
class World {
  readonly clock = new ManualClock();
  readonly fabric = new Switch({ clock: this.clock, backlogFrames, backlogBytes: anyFrameBytes, deadline: 1000 });
  readonly cards: TestCard[] = [];
  readonly sent: Uint8Array[] = [];

  constructor(buffers: number, before: Before) {
    const tap = before(this.clock);
    for (let i = 1; i <= stations; i++) {
      this.cards.push(new TestCard(i, lanes, buffers).plugInto(tap(this.fabric.addPort(`port ${i}`))));
    }
  }

  card(number: number): TestCard {
    return this.cards[number - 1];
  }

  do(action: Action): void {
    switch (action.kind) {
      case 'send': {
        const bytes = bytesOf(action.to, action.from, this.sent.length, action.flow, action.size);
        this.sent.push(bytes);
        this.card(action.from).transmit(bytes, action.flow);
        return;
      }
      case 'give':
        this.card(action.to).give(action.size, action.lane);
        return;
      case 'wait':
        this.clock.advance(action.milliseconds);
        return;
      case 'flush':
        this.card(action.from).peer?.flush();
    }
  }

  /** What must hold after every step. */
  check(): void {
    const { ports } = this.fabric.counters();
    expectBalance(ports);
    const held = this.cards.reduce((sum, card) => sum + card.held.length, 0);
    expect(totals(ports).inFrames + held).toBe(this.sent.length);
    ports.forEach((port, i) => {
      port.lanes.forEach((lane, index) => {
        // Half of it is for copies of floods alone.
        expect(lane.waitingFrames).toBeLessThanOrEqual(2 * backlogFrames);
        expect(lane.waitingBytes).toBeLessThanOrEqual(2 * anyFrameBytes);
        expect(lane.outFrames).toBe(this.cards[i].received.filter((received) => received.lane === index).length);
      });
    });
    // Nobody is kept waiting for nothing: a sender holds a frame only while the receiver's lane has frames waiting.
    if (held > 0) expect(totals(ports).waitingFrames).toBeGreaterThan(0);
  }

  /** Each card got what was sent, on the lane of its flow, in the order of each sender, and nothing that it sent itself. */
  checkReceived(): void {
    for (const card of this.cards) {
      const last = new Map<string, number>();
      for (const { lane, bytes } of card.received) {
        const number = sequenceOf(bytes);
        expect(Buffer.compare(bytes, this.sent[number])).toBe(0);
        expect(lane).toBe(bytes[14]);
        expect(stationFrom(bytes)).not.toBe(card.station);
        const stream = `${stationFrom(bytes)} to ${stationTo(bytes)} on ${lane}`;
        expect(number).toBeGreaterThan(last.get(stream) ?? -1);
        last.set(stream, number);
      }
    }
  }
}

describe.each(Object.entries(before))('a switch among cards that are full at random, %s', (name, link) => {
  const runs = name === 'captured' ? 100 : 300;
  it('loses nothing without a reason, keeps the order and its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 6, arbitrary: send }, give, wait, flush), { maxLength: 150 }),
        (actions) => {
          const world = new World(0, link);
          for (const action of actions) {
            world.do(action);
            world.check();
          }
          world.checkReceived();
          for (const card of world.cards) for (let lane = 0; lane < lanes; lane++) card.give(Infinity, lane);
          world.check();
          world.checkReceived();
          expect(totals(world.fabric.counters().ports).waitingFrames).toBe(0);
          expect(world.cards.flatMap((card) => card.held)).toEqual([]);
        },
      ),
      { numRuns: runs },
    );
  });

  it('delivers every frame for a known station when no deadline passes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: send }, give, flush), { maxLength: 150 }), (actions) => {
        const world = new World(Infinity, link);
        for (const card of world.cards) world.do({ kind: 'send', from: card.station, to: unknown, flow: 0, size: 60 });
        for (const card of world.cards) card.buffers.fill(0);
        for (const action of actions) world.do(action);
        for (const card of world.cards) for (let lane = 0; lane < lanes; lane++) card.give(Infinity, lane);
        world.checkReceived();
        const unicast = (bytes: Uint8Array, to: number) => stationTo(bytes) === to && stationFrom(bytes) !== to;
        for (const card of world.cards) {
          const due = world.sent.filter((bytes) => unicast(bytes, card.station));
          const got = card.received.filter(({ bytes }) => unicast(bytes, card.station));
          expect(got.length).toBe(due.length);
        }
      }),
      { numRuns: runs },
    );
  });

  it('never holds up traffic to a card with buffers', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: send }, wait), { maxLength: 100 }), (actions) => {
        const world = new World(Infinity, link);
        for (const card of world.cards) world.do({ kind: 'send', from: card.station, to: unknown, flow: 0, size: 60 });
        const stuck = world.card(1);
        stuck.buffers.fill(0);
        for (const action of actions) {
          const receiver = action.kind === 'send' && action.to !== action.from ? world.cards[action.to - 1] : undefined;
          const before = receiver?.received.length ?? 0;
          world.do(action);
          if (receiver && receiver !== stuck) expect(receiver.received.length).toBe(before + 1);
        }
        world.check();
      }),
    );
  });
});
