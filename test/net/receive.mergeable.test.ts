import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { headerBytes, runningCard, type Card } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';
import { noProperties } from '../support/noProperties.js';

const dropped = ({ card }: Pick<Card, 'card'>) => card.counters[0].dropped;

describe('with mergeable buffers a frame (5.1.6.4)', () => {
  it('in one buffer has a header that says so, and nothing else', () => {
    const { driver, wire, card } = runningCard();
    driver.giveBuffers(0, [1600]);
    expect(wire.deliver(plainFrame(1514))).toEqual([Sent.taken]);
    const [packet] = driver.receive(0);
    expect(packet.frame).toEqual(plainFrame(1514));
    expect([...packet.header]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(packet.lengths).toEqual([headerBytes + 1514]);
    expect(card.counters[0]).toMatchObject({ rxFrames: 1, rxBytes: 1514, dropped: noProperties });
  });

  it('takes as many buffers as it needs, all but the last of them full', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, [100], [100], [100], [100]);
    wire.deliver(plainFrame(300));
    const [packet] = driver.receive(0);
    expect(packet.lengths).toEqual([100, 100, 100, 12]);
    expect([...packet.header.subarray(10)]).toEqual([4, 0]);
    expect(packet.frame).toEqual(plainFrame(300));
  });

  it('takes no buffer more where it ends with one', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, [100], [100], [100]);
    wire.deliver(plainFrame(188));
    expect(driver.receive(0).map(({ lengths }) => lengths)).toEqual([[100, 100]]);
  });

  it('has its frame in the next buffers where the first holds just the header', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, [headerBytes], [13], [200]);
    wire.deliver(plainFrame(60));
    expect(driver.receive(0)[0]).toMatchObject({ lengths: [12, 13, 47], frame: plainFrame(60) });
  });

  it('passes over elements of length zero, and never writes behind its end', () => {
    const { driver, wire, machine } = runningCard();
    const elements = driver.add(0, [], [0, 5, 0, 7, 0, 1, 40, 200])!;
    const last = elements.at(-1)!;
    machine.memory.bytes.fill(0xcc, last.address, last.address + last.length);
    driver.pci.kick(0);
    wire.deliver(plainFrame(60));
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
    const rest = machine.memory.bytes.subarray(last.address + 19, last.address + last.length);
    expect(rest.every((byte) => byte === 0xcc)).toBe(true);
  });

  it('and the next one come in buffers of their own', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, [100], [100], [100], [1600]);
    wire.deliver(plainFrame(60, 1), plainFrame(150, 2), plainFrame(1000, 3));
    expect(driver.receive(0).map(({ lengths }) => lengths)).toEqual([[72], [100, 62], [1012]]);
  });

  it('that needs every buffer of the queue is received', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, ...new Array<number[]>(16).fill([20]));
    wire.deliver(plainFrame(16 * 20 - headerBytes));
    expect(driver.receive(0)[0].lengths).toEqual(new Array(16).fill(20));
  });

  it('that no buffers of the queue can ever hold is dropped, and takes none', () => {
    const parts = runningCard();
    const { driver, wire } = parts;
    driver.giveBuffers(0, ...new Array<number[]>(16).fill([20]));
    expect(wire.deliver(plainFrame(16 * 20 - headerBytes + 1))).toEqual([Sent.dropped]);
    expect(dropped(parts)).toEqual({ noBufferFits: 1 });
    wire.deliver(plainFrame(60));
    expect(driver.frames(0)).toEqual([plainFrame(60)]);
  });

  it('comes whole, wherever the bounds of buffers and elements lie', { timeout: 60000 }, () => {
    const shape = fc.array(fc.array(fc.nat(90), { minLength: 1, maxLength: 3 }), { minLength: 8, maxLength: 16 });
    fc.assert(
      fc.property(shape, fc.integer({ min: 14, max: 400 }), (buffers, size) => {
        const { driver, wire, machine } = runningCard({ queuePairs: 1 });
        machine.watching = false;
        const usable = buffers.filter((lengths) => sum(lengths) >= headerBytes).map((lengths) => lengths.slice(0, 3));
        const room = driver.pci.queues[0].free.length;
        const given: number[][] = [];
        for (const lengths of usable)
          if (sum(given.map(({ length }) => length)) + lengths.length <= room) given.push(lengths);
        driver.giveBuffers(0, ...given);
        const [answer] = machine.memory.watch(() => wire.deliver(plainFrame(size)));
        const fits = sum(given.map(sum)) >= headerBytes + size;
        expect(answer).toBe(fits ? Sent.taken : Sent.full);
        expect(driver.frames(0)).toEqual(fits ? [plainFrame(size)] : []);
      }),
      { numRuns: 60 },
    );
  });
});

function sum(lengths: number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

describe('a receive buffer makes the device need a reset', () => {
  it('when it is to be read', () => {
    const { driver, wire, faults, card } = runningCard();
    driver.add(0, [4], [2000]);
    driver.pci.kick(0);
    expect(wire.deliver(plainFrame(60))).toEqual([Sent.dropped]);
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'receive-readable', queue: 0 } }]);
    expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
    expect(card.counters[0].dropped).toEqual({ fault: 1 });
  });

  it('and shows what came before it, of which the emulator knows', () => {
    const { driver, wire } = runningCard();
    driver.giveBuffers(0, [200], [200]);
    driver.add(0, [4], [2000]);
    driver.pci.kick(0);
    const sent = [plainFrame(60), plainFrame(61)];
    expect(wire.deliver(...sent, plainFrame(62))).toEqual([Sent.taken, Sent.taken, Sent.dropped]);
    expect(driver.frames(0)).toEqual(sent);
  });

  it('when it does not hold a header (5.1.6.3.1)', () => {
    const { driver, wire, faults } = runningCard();
    driver.giveBuffers(0, [5, 6]);
    wire.deliver(plainFrame(60));
    expect(faults).toMatchObject([{ needsReset: true, fault: { rule: 'receive-buffer-size', queue: 0 } }]);
  });
});
