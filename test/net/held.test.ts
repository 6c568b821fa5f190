import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { runningCard, type CardOptions } from '../support/netDriver.js';
import { noProperties } from '../support/noProperties.js';

const frames = (...seeds: number[]): Uint8Array[] => seeds.map((seed) => plainFrame(60 + seed, seed));
const seedOf = (bytes: Uint8Array): number => bytes.length - 60;

function newCard(deadline = 1000, features: CardOptions['features'] = {}) {
  const parts = runningCard({ deadline, features });
  return { ...parts, sent: () => parts.wire.sent.map(({ bytes }) => seedOf(bytes)) };
}

describe('frames for which there is no room', () => {
  it('stay in their buffers until there is, and keep their order', () => {
    const { driver, wire, card, sent } = newCard();
    wire.answer = Sent.full;
    driver.send(0, ...frames(1, 2, 3));
    expect(driver.completed(0)).toBe(0);
    wire.giveRoom();
    expect(sent()).toEqual([1, 2, 3]);
    expect(driver.completed(0)).toBe(3);
    expect(card.counters[0]).toMatchObject({ txFrames: 3, dropped: noProperties });
  });

  it('are announced by one interrupt when they are gone', () => {
    const { driver, wire, machine } = newCard();
    wire.answer = Sent.full;
    machine.takeMessages();
    driver.send(0, ...frames(1, 2, 3));
    expect(driver.msix!.fired()).toEqual([]);
    wire.giveRoom();
    expect(driver.msix!.fired()).toEqual([2]);
  });

  it('go before newer ones', () => {
    const { driver, wire, sent } = newCard();
    let room = 0;
    wire.answer = () => (room-- > 0 ? Sent.taken : Sent.full);
    driver.send(0, ...frames(1, 2, 3, 4));
    const seen = [1, 2].map(() => {
      room = 2;
      wire.tellRoom();
      return sent();
    });
    expect(seen).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
  });

  it('do not hold up those behind them that have room', () => {
    const { driver, wire, sent } = newCard(1000, { VIRTIO_F_IN_ORDER: false });
    wire.answer = (bytes) => (seedOf(bytes) % 2 === 0 ? Sent.full : Sent.taken);
    driver.send(0, ...frames(1, 2, 3, 4, 5));
    expect(sent()).toEqual([1, 3, 5]);
    expect(driver.completed(0)).toBe(3);
    wire.giveRoom();
    expect(sent()).toEqual([1, 3, 5, 2, 4]);
  });

  it('hold up the buffers of those behind them, but not their packets, where buffers come back in order', () => {
    const { driver, wire, sent } = newCard();
    wire.answer = (bytes) => (seedOf(bytes) === 2 ? Sent.full : Sent.taken);
    driver.send(0, ...frames(1, 2, 3));
    expect(sent()).toEqual([1, 3]);
    expect(driver.completed(0)).toBe(1);
    wire.giveRoom();
    expect(driver.completed(0)).toBe(2);
  });

  it('do not hold up other lanes', () => {
    const { driver, wire, sent } = newCard();
    driver.setPairs(2);
    wire.answer = (bytes) => (seedOf(bytes) === 1 ? Sent.full : Sent.taken);
    driver.send(0, ...frames(1));
    driver.send(1, ...frames(2));
    expect(sent()).toEqual([2]);
  });

  it('fill the queue, and nothing is lost when it is full', () => {
    const { driver, wire, sent } = newCard();
    wire.answer = Sent.full;
    const all = Array.from({ length: 8 }, (_, i) => i + 1);
    driver.send(0, ...frames(...all));
    expect(driver.queuePacket(0, plainFrame(60))).toBe(false);
    wire.giveRoom();
    expect(sent()).toEqual(all);
    expect(driver.completed(0)).toBe(8);
  });

  it('are dropped at their deadline, each at its own, and counted', () => {
    const { driver, wire, card, clock } = newCard(1000);
    wire.answer = Sent.full;
    driver.send(0, ...frames(1));
    clock.advance(400);
    driver.send(0, ...frames(2, 3));
    clock.advance(599);
    expect(driver.completed(0)).toBe(0);
    clock.advance(1);
    expect(driver.completed(0)).toBe(1);
    clock.advance(399);
    expect(driver.completed(0)).toBe(0);
    clock.advance(1);
    expect(driver.completed(0)).toBe(2);
    expect(card.counters[0]).toMatchObject({ txFrames: 0, dropped: { deadline: 3 } });
    expect(wire.sent).toEqual([]);
  });

  it('at a deadline of 0 are dropped as soon as time goes on', () => {
    const { driver, wire, clock } = newCard(0);
    wire.answer = Sent.full;
    driver.send(0, ...frames(1));
    expect(driver.completed(0)).toBe(0);
    clock.advance(0);
    expect(driver.completed(0)).toBe(1);
  });

  it('are dropped at their deadline at any fraction of a millisecond', () => {
    for (let i = 1; i <= 50; i++) {
      const { driver, wire, card, clock } = newCard(5000);
      clock.advance(i * 0.04);
      wire.answer = Sent.full;
      driver.send(0, ...frames(1));
      let timers = 0;
      const after = clock.after.bind(clock);
      clock.after = (milliseconds, then) => {
        // A clock that stands still would have it try for ever.
        if (++timers > 100) throw new Error('the deadline never comes');
        return after(milliseconds, then);
      };
      clock.advance(5001);
      expect(card.counters[0].dropped).toEqual({ deadline: 1 });
    }
  });

  it('leave no timer behind when they are gone', () => {
    const { driver, wire, clock } = newCard();
    let waiting = 0;
    const after = clock.after.bind(clock);
    clock.after = (milliseconds, then) => {
      waiting++;
      return after(milliseconds, () => {
        waiting--;
        then();
      });
    };
    wire.answer = Sent.full;
    driver.send(0, ...frames(1));
    expect(waiting).toBe(1);
    wire.giveRoom();
    clock.advance(5000);
    expect(waiting).toBe(0);
  });

  it('are dropped by a reset, and their buffers are left alone', () => {
    const { driver, wire, card, machine, clock } = newCard();
    wire.answer = Sent.full;
    driver.send(0, ...frames(1, 2));
    driver.pci.reset();
    const before = machine.memory.bytes.slice();
    wire.giveRoom();
    clock.advance(5000);
    expect(Buffer.compare(machine.memory.bytes, before)).toBe(0);
    expect(wire.sent).toEqual([]);
    expect(card.counters[0].dropped).toEqual({ reset: 2 });
  });

  it('of a pair that goes out of use go out all the same', () => {
    const { driver, wire, sent } = newCard();
    driver.setPairs(2);
    wire.answer = Sent.full;
    driver.send(1, ...frames(1));
    driver.setPairs(1);
    wire.giveRoom();
    expect(sent()).toEqual([1]);
    expect(driver.completed(1)).toBe(1);
  });
});
