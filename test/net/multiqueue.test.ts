import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { flowFrame, plainFrame, reversed, type Flow } from '../support/frames.js';
import { feature, runningCard } from '../support/netDriver.js';
import { frameOf } from '../support/wire.js';

const buffers = new Array<number[]>(16).fill([200]);
const flow = (n: number): Flow => ({ source: 1, destination: 2, sourcePort: 1000 + n, destinationPort: 5201 });

function newCard(queuePairs = 4) {
  const parts = runningCard({ queuePairs });
  for (let pair = 0; pair < queuePairs; pair++) parts.driver.giveBuffers(pair, ...buffers);
  /** Pairs on which something was received since the last time. */
  const pairs = (): number[] => {
    const all = Array.from({ length: queuePairs }, (_, pair) => pair);
    return all.filter((pair) => parts.driver.frames(pair).length > 0);
  };
  return { ...parts, pairs };
}

describe('receive steering (5.1.6.5.6)', () => {
  it('uses the first pair alone until the driver asks for more', () => {
    const { wire, pairs } = newCard();
    for (let n = 0; n < 10; n++) wire.deliver(flowFrame(flow(n)));
    expect(pairs()).toEqual([0]);
  });

  it('follows the pair on which the driver last sent that flow', () => {
    const { driver, wire, pairs } = newCard();
    driver.setPairs(4);
    for (const pair of [2, 0, 3, 1, 1]) {
      driver.send(pair, flowFrame(flow(7)));
      wire.deliver(flowFrame(reversed(flow(7))));
      expect(pairs()).toEqual([pair]);
    }
  });

  it('keeps a flow that the driver never sent on to one pair', () => {
    const { driver, wire, pairs } = newCard();
    driver.setPairs(4);
    for (let n = 0; n < 5; n++) {
      wire.deliver(flowFrame(flow(n)), flowFrame(flow(n), 33), flowFrame(reversed(flow(n))));
      expect(pairs().length).toBe(1);
    }
  });

  it.each([2, 3, 4, 8])('reaches all of %i pairs with enough flows, and no other', (inUse) => {
    const { driver, card } = newCard(8);
    driver.setPairs(inUse);
    const chosen = new Set(Array.from({ length: 32 }, (_, n) => card.steer(frameOf(flowFrame(flow(n))))));
    expect([...chosen].sort()).toEqual(Array.from({ length: inUse }, (_, pair) => pair));
  });

  it('spreads flows about evenly', () => {
    const { driver, card } = newCard();
    driver.setPairs(4);
    const counts = [0, 0, 0, 0];
    for (let n = 0; n < 1000; n++) counts[card.steer(frameOf(flowFrame(flow(n))))]++;
    for (const count of counts) expect(count).toBeGreaterThan(150);
  });

  it('leaves pairs that go out of use at once, also for flows that were sent there', () => {
    const { driver, wire, pairs } = newCard();
    driver.setPairs(4);
    driver.send(3, flowFrame(flow(1)));
    driver.setPairs(2);
    for (let n = 0; n < 16; n++) wire.deliver(flowFrame(reversed(flow(n))));
    expect(pairs()).toEqual([0, 1]);
  });

  it('takes a frame that was meant for a pair which went out of use on one that is in use', () => {
    const { driver, card, pairs } = newCard();
    driver.setPairs(2);
    expect(card.send(frameOf(flowFrame(flow(1))), 3)).toBe(Sent.taken);
    card.flush();
    expect(Math.max(...pairs())).toBeLessThan(2);
  });

  it('goes round a queue that is being reset, and comes back to it', () => {
    const { driver, wire, pairs } = newCard();
    driver.setPairs(4);
    driver.send(2, flowFrame(flow(7)));
    driver.pci.resetQueue(4);
    wire.deliver(flowFrame(reversed(flow(7))));
    const [other, ...rest] = pairs();
    expect(rest).toEqual([]);
    expect([0, 1, 3]).toContain(other);
    driver.pci.setUpQueue(4, { vector: 5 });
    driver.giveBuffers(2, ...buffers);
    wire.deliver(flowFrame(reversed(flow(7))));
    expect(pairs()).toEqual([2]);
  });

  it('takes elsewhere what waited for a queue that is being reset', () => {
    const { driver, wire, card } = newCard();
    driver.setPairs(4);
    driver.send(2, flowFrame(flow(7)));
    const answers = Array.from({ length: 17 }, () => wire.pass(flowFrame(reversed(flow(7)))));
    expect(answers.at(-1)).toBe(Sent.full);
    driver.pci.resetQueue(4);
    const counts = card.counters.map(({ rxFrames }) => rxFrames);
    expect([counts[2], counts[0] + counts[1] + counts[3]]).toEqual([16, 1]);
  });

  it('drops a frame while all queues are being reset, but lets it wait where only one is in use', () => {
    const { driver, wire, card } = newCard(2);
    driver.pci.resetQueue(0);
    expect(wire.pass(flowFrame(flow(1)))).toBe(Sent.full);
    driver.pci.setUpQueue(0, { vector: 1 });
    driver.setPairs(2);
    for (const queue of [0, 2]) driver.pci.resetQueue(queue);
    expect(wire.pass(flowFrame(flow(1)))).toBe(Sent.dropped);
    expect(card.counters[0].dropped.notReady ?? card.counters[1].dropped.notReady).toBe(1);
  });

  it('forgets the flows at a reset', () => {
    const { driver, card } = newCard();
    const before = card.steer(frameOf(flowFrame(flow(1))));
    driver.setPairs(4);
    const free = card.steer(frameOf(flowFrame(flow(1))));
    driver.send((free + 1) % 4, flowFrame(flow(1)));
    driver.pci.reset();
    expect(card.steer(frameOf(flowFrame(flow(1))))).toBe(before);
  });
});

describe('interrupts of several pairs', () => {
  it('go each to the vector of their queue, one for each burst', () => {
    const { driver, wire } = newCard();
    driver.setPairs(4);
    driver.msix!.fired();
    const frames: Uint8Array[] = [];
    for (let pair = 0; pair < 4; pair++) {
      driver.queuePacket(pair, flowFrame(flow(pair)));
      driver.pci.kick(2 * pair + 1);
      frames.push(flowFrame(reversed(flow(pair))), flowFrame(reversed(flow(pair))));
    }
    expect(driver.msix!.fired()).toEqual([2, 4, 6, 8]);
    wire.deliver(...frames);
    expect(driver.msix!.fired().sort()).toEqual([1, 3, 5, 7]);
  });
});

describe('packets on a pair that is not in use', () => {
  it('are reported, but not lost', () => {
    const { driver, wire, faults } = newCard();
    driver.send(2, plainFrame(60));
    expect(wire.sent.map(({ lane }) => lane)).toEqual([2]);
    expect(faults).toMatchObject([{ needsReset: false, fault: { rule: 'transmit-unused-pair', queue: 5 } }]);
  });
});

describe('without VIRTIO_NET_F_MQ', () => {
  it('there is one pair, and queues behind the control queue do no harm', () => {
    const features = feature.version1 | feature.controlQueue;
    const { driver, wire, card, faults } = runningCard({ queuePairs: 4 }, { features });
    for (const queue of [3, 4, 5, 6, 7, 8]) {
      driver.pci.setUpQueue(queue);
      driver.pci.notify(queue);
    }
    driver.giveBuffers(0, [200]);
    wire.deliver(flowFrame(flow(1)));
    expect(driver.frames(0).length).toBe(1);
    expect(card.lanes).toBe(1);
    expect(faults.filter(({ needsReset }) => needsReset)).toEqual([]);
  });
});
