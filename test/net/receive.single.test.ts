import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';

const newCard = () => runningCard({ queuePairs: 1 }, { features: feature.version1 | feature.mac });

describe('without mergeable buffers a frame (5.1.6.3.2)', () => {
  it('comes in one buffer, and the header says so', () => {
    const { driver, wire } = newCard();
    driver.giveBuffers(0, [1526], [1526]);
    wire.deliver(plainFrame(1514, 1), plainFrame(60, 2));
    const packets = driver.receive(0);
    expect(packets.map(({ frame }) => frame)).toEqual([plainFrame(1514, 1), plainFrame(60, 2)]);
    for (const { header } of packets) expect([...header]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it('may lie in any elements of that buffer', () => {
    const { driver, wire } = newCard();
    driver.giveBuffers(0, [12, 14, 0, 1, 1600]);
    wire.deliver(plainFrame(1000));
    expect(driver.frames(0)).toEqual([plainFrame(1000)]);
  });

  it('that is larger than the next buffer is dropped and counted, and the buffer stays', () => {
    const { driver, wire, card } = newCard();
    driver.giveBuffers(0, [100], [2000]);
    expect(wire.deliver(plainFrame(89), plainFrame(88))).toEqual([Sent.dropped, Sent.taken]);
    expect(card.counters[0]).toMatchObject({ rxFrames: 1, dropped: { noBufferFits: 1 } });
    expect(driver.frames(0)).toEqual([plainFrame(88)]);
  });

  it('waits for a buffer when there is none', () => {
    const { driver, wire } = newCard();
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.full]);
    driver.giveBuffers(0, [1526]);
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
  });
});
