import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';
import { frameOf } from '../support/wire.js';
import { noProperties } from '../support/noProperties.js';

const all = Object.values(feature).reduce((sum, bit) => sum | bit, 0n) & ~feature.hashReport;
const modes: [what: string, features: bigint][] = [
  ['with event indices', all],
  ['without event indices', all & ~feature.eventIndex],
];

describe.each(modes)('a card without receive buffers, %s', (_, features) => {
  const newCard = () => runningCard({ queuePairs: 2 }, { features });

  it('has no room, and says so when it has', () => {
    const { driver, wire, card } = newCard();
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.full]);
    wire.rooms = 0;
    expect(driver.giveBuffers(0, [200])).toBe(true);
    expect(wire.rooms).toBe(1);
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
    expect(card.counters[0].dropped).toEqual({});
  });

  it('has no room for a frame that needs more than there is, and takes none of it', () => {
    const { driver, wire } = newCard();
    driver.giveBuffers(0, [100], [100]);
    expect(wire.deliver(plainFrame(300))).toEqual([Sent.full]);
    expect(driver.pci.queues[0].collect()).toEqual([]);
    expect(driver.giveBuffers(0, [100])).toBe(true);
    expect(driver.frames(0)).toEqual([]);
    driver.giveBuffers(0, [100]);
    expect(driver.frames(0)).toEqual([plainFrame(300)]);
  });

  it('lets no smaller frame overtake the one that waits', () => {
    const { driver, wire, card } = newCard();
    driver.giveBuffers(0, [100], [100]);
    const send = (size: number) => card.send(frameOf(plainFrame(size)), 0);
    expect([send(300), send(60)]).toEqual([Sent.full, Sent.full]);
    expect(driver.frames(0)).toEqual([]);
    wire.room();
  });

  it('has room on another pair all the same', () => {
    const { driver, card } = newCard();
    driver.setPairs(2);
    driver.giveBuffers(1, [200]);
    const frame = () => frameOf(plainFrame(60));
    expect([card.send(frame(), 0), card.send(frame(), 1), card.send(frame(), 1)]).toEqual([
      Sent.full,
      Sent.taken,
      Sent.full,
    ]);
  });

  it('is told of buffers only when it waits for them', () => {
    const { driver, wire } = newCard();
    driver.giveBuffers(0, [200]);
    expect(driver.giveBuffers(0, [200])).toBe(false);
    wire.deliver(plainFrame(60), plainFrame(60), plainFrame(60));
    driver.frames(0);
    expect(driver.giveBuffers(0, [200])).toBe(true);
    expect(driver.giveBuffers(0, [200])).toBe(false);
  });

  it('loses nothing and changes no order, whatever comes when', { timeout: 60000 }, () => {
    const step = fc.oneof(
      fc.record({ frames: fc.array(fc.integer({ min: 14, max: 500 }), { minLength: 1, maxLength: 5 }) }),
      fc.record({ buffers: fc.array(fc.integer({ min: 12, max: 300 }), { minLength: 1, maxLength: 6 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const { driver, wire, machine, card } = runningCard({ queuePairs: 1 }, { features });
        machine.watching = false;
        const sent: Uint8Array[] = [];
        const received: Uint8Array[] = [];
        const give = (sizes: number[]): void => {
          const room = driver.pci.queues[0].free.length;
          driver.giveBuffers(0, ...sizes.slice(0, room).map((size) => [size]));
          received.push(...driver.frames(0));
        };
        for (const step of steps) {
          if ('buffers' in step) {
            give(step.buffers);
            continue;
          }
          const frames = step.frames.map((size, i) => plainFrame(size, sent.length + i));
          sent.push(...frames);
          wire.deliver(...frames);
          received.push(...driver.frames(0));
        }
        for (let i = 0; i < 300 && received.length < sent.length; i++) give([300, 300, 300]);
        expect(received).toEqual(sent);
        expect(card.counters[0]).toMatchObject({ rxFrames: sent.length, dropped: noProperties });
      }),
      { numRuns: 60 },
    );
  });
});

describe('a card that is not ready', () => {
  it('drops what comes in, and counts it', () => {
    const { driver, wire, card } = runningCard();
    driver.pci.reset();
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.dropped]);
    driver.pci.negotiate(feature.version1);
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.dropped]);
    driver.pci.driverOk();
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.dropped]);
    expect(card.counters[0].dropped).toEqual({ notReady: 3 });
  });

  it('invites whoever waited for it when it is reset, so that nobody waits in vain', () => {
    const { driver, wire, card } = runningCard();
    wire.deliver(plainFrame(60));
    wire.rooms = 0;
    driver.pci.reset();
    expect(wire.rooms).toBeGreaterThan(0);
    expect(card.counters[0].dropped).toEqual({ notReady: 1 });
  });

  it.each([0, 1, 13])('takes no frame of %i bytes: that is no Ethernet frame', (size) => {
    const { driver, wire, card } = runningCard();
    driver.giveBuffers(0, [200]);
    expect(wire.deliver(plainFrame(size))).toEqual([Sent.dropped]);
    expect(card.counters[0].dropped).toEqual({ runt: 1 });
  });
});
