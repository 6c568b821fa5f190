import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConditionedLink, connect, type LinkConditions } from '../../src/fabric/index.js';
import type { Frame } from '../../src/net/link/frame.js';
import { Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { bytesOf, sequenceOf, TestCard } from './card.js';

const lanes = 3;
const size = fc.constantFrom(60, 100, 1514, 9000, 60_000);
/** Rates that make times without rounding, so that they can be compared. */
const rate = fc.constantFrom(8000, 64_000, 1_024_000, Infinity);
const chance = fc.constantFrom(0, 0, 0.25, 1);
const delay = fc.constantFrom(0, 1, 16, 250);

const send = fc.record({ kind: fc.constant('send' as const), lane: fc.nat(lanes - 1), size });
const wait = fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.constantFrom(1, 8, 128, 4096) });
const give = fc.record({ kind: fc.constant('give' as const), lane: fc.nat(lanes - 1), size });
const part = fc.record({ kind: fc.constant('part' as const) });

interface Sending {
  readonly at: number;
  readonly lane: number;
  readonly size: number;
}

/** When each frame comes out, by the conditions' definition: step by step, the frame that can begin first. */
function model(
  sent: readonly Sending[],
  { rate = Infinity, laneRate = Infinity, delay = 0 }: LinkConditions,
): number[] {
  const left = sent.map((frame, index) => ({ ...frame, index }));
  const laneFree = new Array<number>(lanes).fill(0);
  const out: number[] = [];
  let free = 0;
  while (left.length > 0) {
    const heads = left.filter((frame) => left.find(({ lane }) => lane === frame.lane) === frame);
    const begins = heads.map((frame) => ({ frame, start: Math.max(frame.at, laneFree[frame.lane], free) }));
    const earliest = Math.min(...begins.map(({ start }) => start));
    const [{ frame, start }] = begins.filter((begin) => begin.start === earliest);
    free = start + (8000 * frame.size) / rate;
    laneFree[frame.lane] = start + (8000 * frame.size) / laneRate;
    out[frame.index] = Math.max(free, laneFree[frame.lane]) + delay;
    left.splice(left.indexOf(frame), 1);
  }
  return out;
}

/** A card that is full until its guest gives buffers, as real ones are: no small frame passes a large one. */
class StarvingCard extends TestCard {
  private readonly starved = new Set<number>();

  override send(frame: Frame, lane: number): Sent {
    const sent = this.starved.has(lane) ? Sent.full : super.send(frame, lane);
    if (sent === Sent.full) this.starved.add(lane);
    return sent;
  }

  override give(bytes: number, lane: number): void {
    this.starved.delete(lane);
    super.give(bytes, lane);
  }
}

describe('a link with conditions', () => {
  it('has each frame come out when its rates and its delay say', () => {
    fc.assert(
      fc.property(
        fc.record({ rate, laneRate: rate, delay }),
        fc.array(fc.oneof({ weight: 3, arbitrary: send }, wait), { maxLength: 60 }),
        (conditions, actions) => {
          const clock = new ManualClock();
          const receiver = new TestCard(2, lanes);
          // There is room for all, so that nobody is told to wait.
          const queue = Math.min(conditions.rate, conditions.laneRate) < Infinity ? 60_000 : undefined;
          const link = new ConditionedLink(receiver, { ...conditions, queue, laneBytes: 1 << 26 }, { clock });
          const card = new TestCard(1, lanes);
          connect(card, link.port);
          const came: number[] = [];
          receiver.onFrame = (bytes) => (came[sequenceOf(bytes)] = clock.now());
          const sent: Sending[] = [];
          for (const action of actions) {
            if (action.kind === 'wait') clock.advance(action.milliseconds);
            else {
              card.transmit(bytesOf(2, 1, sent.length, action.lane, action.size), action.lane);
              sent.push({ at: clock.now(), lane: action.lane, size: action.size });
            }
          }
          fc.pre(link.counters().fromCard.every(({ toldFull }) => toldFull === 0));
          clock.advance(1e7);
          expect(came).toEqual(model(sent, conditions));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('loses nothing without a reason, keeps the order of each lane and its bounds, whatever it is like', () => {
    fc.assert(
      fc.property(
        fc.record({ rate, laneRate: rate, delay, loss: chance, duplicate: chance, seed: fc.nat(1000) }),
        fc.constantFrom(0, 0.5, 1),
        fc.array(fc.oneof({ weight: 8, arbitrary: send }, give, wait, part), { maxLength: 120 }),
        (conditions, jitter, actions) => {
          const clock = new ManualClock();
          const laneBytes = 1 << 17;
          const receiver = new StarvingCard(2, lanes, 0);
          const all = { ...conditions, jitter: jitter * conditions.delay, laneBytes };
          const link = new ConditionedLink(receiver, all, { clock });
          const card = new TestCard(1, lanes);
          connect(card, link.port);
          let sequence = 0;
          const check = () => {
            const { fromCard } = link.counters();
            for (const lane of fromCard) {
              const lost = Object.values(lane.dropped).reduce((sum, count) => sum + count, 0);
              expect(lane.frames + lane.duplicated).toBe(lane.delivered + lane.refused + lane.waitingFrames + lost);
              expect(lane.waitingBytes).toBeLessThanOrEqual(laneBytes);
            }
            const sum = (what: 'frames' | 'delivered') => fromCard.reduce((total, lane) => total + lane[what], 0);
            expect(sum('frames') + card.held.length).toBe(sequence);
            expect(sum('delivered')).toBe(receiver.received.length);
          };
          for (const action of actions) {
            if (action.kind === 'wait') clock.advance(action.milliseconds);
            else if (action.kind === 'give') receiver.give(action.size, action.lane);
            else if (action.kind === 'part') {
              link.port.attach(undefined);
              connect(card, link.port);
              card.room();
            } else card.transmit(bytesOf(2, 1, sequence++, action.lane, action.size), action.lane);
            check();
          }
          for (let lane = 0; lane < lanes; lane++) receiver.give(Infinity, lane);
          // Not even the slowest rate takes longer for what there can be.
          for (let i = 0; i < 200 && card.held.length > 0; i++) clock.advance(1e6);
          clock.advance(1e8);
          check();
          expect(card.held).toEqual([]);
          expect(link.counters().fromCard.map(({ waitingFrames }) => waitingFrames)).toEqual(
            link.counters().fromCard.map(() => 0),
          );
          for (let lane = 0; lane < lanes; lane++) {
            const order = receiver.received
              .filter((frame) => frame.lane === lane)
              .map(({ bytes }) => sequenceOf(bytes));
            expect(order).toEqual([...order].sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
