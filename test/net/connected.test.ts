import { describe, expect, it } from 'vitest';
import { Loopback } from '../../src/fabric/index.js';
import { connect } from '../../src/net/link/port.js';
import { flowFrame, plainFrame } from '../support/frames.js';
import { runningCard } from '../support/netDriver.js';

describe('two cards that are connected to each other', () => {
  const pair = () => {
    const [a, b] = [runningCard({ queuePairs: 2 }), runningCard({ queuePairs: 2 })];
    connect(a.card, b.card);
    return { a, b };
  };

  it('carry frames both ways, with one interrupt for each burst', () => {
    const { a, b } = pair();
    for (const { driver } of [a, b]) {
      driver.giveBuffers(0, ...new Array<number[]>(8).fill([200]));
      driver.msix!.fired();
    }
    a.driver.send(0, plainFrame(60, 1), plainFrame(60, 2));
    b.driver.send(0, plainFrame(60, 3));
    expect(b.driver.frames(0)).toEqual([plainFrame(60, 1), plainFrame(60, 2)]);
    expect(a.driver.frames(0)).toEqual([plainFrame(60, 3)]);
    expect(b.driver.msix!.fired()).toEqual([1, 2]);
  });

  it('lose nothing and keep the order when the receiver has no buffers', () => {
    const { a, b } = pair();
    const frames = [300, 60, 200, 60, 14].map((size, i) => plainFrame(size, i));
    b.driver.giveBuffers(0, [100], [100]);
    a.driver.send(0, ...frames);
    const received = b.driver.frames(0);
    for (let i = 0; i < 20; i++) {
      b.driver.giveBuffers(0, [100]);
      received.push(...b.driver.frames(0));
    }
    expect(received).toEqual(frames);
    expect(a.driver.completed(0)).toBe(5);
  });

  it('answer a flow on the pair on which the other sent it', () => {
    const { a, b } = pair();
    for (const { driver } of [a, b]) {
      driver.setPairs(2);
      for (const n of [0, 1]) driver.giveBuffers(n, [200], [200]);
    }
    const flow = { source: 1, destination: 2, sourcePort: 1, destinationPort: 2 };
    a.driver.send(1, flowFrame(flow));
    b.driver.send(0, flowFrame(flow));
    expect(a.driver.frames(1).length).toBe(1);
  });

  it('drop what was for one that went away', () => {
    const { a, b } = pair();
    a.driver.send(0, plainFrame(60));
    expect(a.driver.completed(0)).toBe(0);
    b.driver.pci.reset();
    expect(a.driver.completed(0)).toBe(1);
    expect(b.card.counters[0].dropped).toEqual({ notReady: 1 });
  });
});

describe('a card on a loopback', () => {
  it('receives what it sends, on the pair it sent on', () => {
    const { card, driver } = runningCard();
    connect(card, new Loopback());
    driver.setPairs(4);
    for (let n = 0; n < 4; n++) driver.giveBuffers(n, [200]);
    for (let n = 0; n < 4; n++) {
      const frame = flowFrame({ source: 1, destination: 2, sourcePort: n, destinationPort: 80 });
      driver.send(n, frame);
      expect(driver.frames(n)).toEqual([frame]);
    }
  });

  it('waits for its own buffers', () => {
    const { card, driver } = runningCard();
    connect(card, new Loopback());
    const frames = [1, 2, 3].map((n) => plainFrame(60, n));
    driver.send(0, ...frames);
    // The first waits in the loopback, the others in the card's own ring.
    expect(driver.completed(0)).toBe(1);
    driver.giveBuffers(0, [200], [200], [200]);
    expect(driver.frames(0)).toEqual(frames);
    expect(driver.completed(0)).toBe(2);
  });
});
