import { describe, expect, it } from 'vitest';
import { NetDevice } from '../../src/net/index.js';
import { Sent } from '../../src/net/link/port.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { plainFrame } from '../support/frames.js';
import { feature, runningCard, type NetDriver } from '../support/netDriver.js';
import { commandBit } from '../support/pciDriver.js';

const [ok, error] = [0, 1];
/** VIRTIO_NET_CTRL_NOTF_COAL and its commands. */
const coalClass = 6;
const [txSet, rxSet, queueSet, queueGet] = [0, 1, 2, 3];
/** Vectors of the first pair's queues. */
const [rxVector, txVector] = [1, 2];

const word16 = (value: number): number[] => [value & 255, value >>> 8];
const word32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
const coal = (packets: number, usecs: number): number[] => [...word32(packets), ...word32(usecs)];

const set = (driver: NetDriver, command: number, packets: number, usecs: number): number | undefined =>
  driver.command(coalClass, command, coal(packets, usecs));
const setQueue = (driver: NetDriver, queue: number, packets: number, usecs: number): number | undefined =>
  driver.command(coalClass, queueSet, [...word16(queue), 0xab, 0xcd, ...coal(packets, usecs)]);
/** Packets and microseconds of a queue, or the ack that refuses to tell. */
function getQueue(driver: NetDriver, queue: number): number[] | number {
  const answer = driver.query(coalClass, queueGet, [...word16(queue), 0xab, 0xcd], 8)!;
  if (answer[0] !== ok) return answer[0];
  expect(answer.length).toBe(9);
  const view = new DataView(answer.buffer, answer.byteOffset);
  return [view.getUint32(1, true), view.getUint32(5, true)];
}

const frame = plainFrame(60, 1);

/** A card with receive buffers and with what is set for all its queues. */
function coalescingCard(packets: number, usecs: number, features?: bigint) {
  const parts = runningCard({ queuePairs: 2 }, { features });
  const { driver, machine } = parts;
  expect(set(driver, rxSet, packets, usecs)).toBe(ok);
  expect(set(driver, txSet, packets, usecs)).toBe(ok);
  driver.giveBuffers(0, ...Array.from({ length: 12 }, () => [100]));
  machine.takeMessages();
  return parts;
}

const both = Object.values(feature).reduce((sum, bit) => sum | bit, 0n);

describe.each([
  ['with event indices', both],
  ['without event indices', both & ~feature.eventIndex],
])('interrupts wait (5.1.6.5.9), %s', (_, features) => {
  it('until max_packets were received, while the driver can see each at once', () => {
    const { driver, wire } = coalescingCard(3, 1000, features);
    for (let i = 0; i < 2; i++) {
      wire.deliver(frame);
      expect(driver.pci.queues[0].uncollected).toBe(i + 1);
      expect(driver.msix!.fired()).toEqual([]);
    }
    wire.deliver(frame);
    expect(driver.msix!.fired()).toEqual([rxVector]);
    expect(driver.frames(0).length).toBe(3);
  });

  it('until max_usecs went by since the first was received, and then for the next', () => {
    const { driver, wire, clock } = coalescingCard(10, 500, features);
    for (const round of [1, 2]) {
      wire.deliver(frame);
      clock.advance(0.3);
      wire.deliver(frame);
      clock.advance(0.19);
      expect(driver.msix!.fired(), `round ${round}`).toEqual([]);
      clock.advance(0.01);
      expect(driver.msix!.fired(), `round ${round}`).toEqual([rxVector]);
      expect(driver.frames(0).length).toBe(2);
      clock.advance(10);
      expect(driver.msix!.fired()).toEqual([]);
    }
  });

  it('for what is sent too, and for a packet that was lost', () => {
    const { driver, wire, clock } = coalescingCard(3, 500, features);
    driver.send(0, frame);
    wire.answer = Sent.dropped;
    driver.send(0, frame);
    expect(driver.msix!.fired()).toEqual([]);
    expect(driver.pci.queues[1].uncollected).toBe(2);
    driver.send(0, new Uint8Array(5));
    expect(driver.msix!.fired()).toEqual([txVector]);
    expect(driver.completed(0)).toBe(3);
    driver.send(0, frame);
    clock.advance(0.5);
    expect(driver.msix!.fired()).toEqual([txVector]);
  });

  it('but not when either number is 0', () => {
    for (const [packets, usecs] of [
      [0, 500],
      [3, 0],
    ]) {
      const { driver, wire } = coalescingCard(packets, usecs, features);
      wire.deliver(frame);
      driver.send(0, frame);
      expect(driver.msix!.fired()).toEqual([rxVector, txVector]);
    }
  });

  it('and are not sent when the driver does not want one by then', () => {
    const { driver, wire, clock } = coalescingCard(10, 500, features);
    const ring = driver.pci.queues[0];
    wire.deliver(frame);
    // A driver that polls.
    expect(driver.frames(0).length).toBe(1);
    if (!driver.has(feature.eventIndex)) ring.setFlags(1);
    clock.advance(1);
    expect(driver.msix!.fired()).toEqual([]);
    if (!driver.has(feature.eventIndex)) ring.setFlags(0);
    wire.deliver(frame);
    clock.advance(1);
    expect(driver.msix!.fired()).toEqual([rxVector]);
  });

  it('no longer than until the driver is out of buffers', () => {
    const { driver, wire } = coalescingCard(100, 1_000_000, features);
    for (let i = 0; i < 12; i++) wire.deliver(frame);
    expect(driver.msix!.fired()).toEqual([]);
    wire.deliver(frame);
    expect(driver.msix!.fired()).toEqual([rxVector]);
    expect(driver.frames(0).length).toBe(12);
  });

  it('no longer than for a whole queue', () => {
    const { driver } = coalescingCard(100, 1_000_000, features);
    for (let i = 0; i < 15; i++) {
      driver.send(0, frame);
      // A driver that looks for buffers itself, and wishes for an interrupt all the same.
      driver.pci.queues[1].collect();
    }
    expect(driver.msix!.fired()).toEqual([]);
    driver.send(0, frame);
    expect(driver.msix!.fired()).toEqual([txVector]);
  });
});

describe('what waits is told', () => {
  it('at once when what is set now says so', () => {
    const { driver, wire } = coalescingCard(10, 1000);
    wire.deliver(frame);
    wire.deliver(frame);
    expect(setQueue(driver, 0, 3, 1000)).toBe(ok);
    expect(driver.msix!.fired()).toEqual([5]);
    expect(set(driver, rxSet, 2, 1000)).toBe(ok);
    expect(driver.msix!.fired()).toEqual([rxVector, 5]);
  });

  it('when the time that is set now went by since the first', () => {
    const { driver, wire, clock } = coalescingCard(10, 1000);
    wire.deliver(frame);
    clock.advance(0.6);
    expect(setQueue(driver, 0, 10, 700)).toBe(ok);
    driver.msix!.fired();
    clock.advance(0.1);
    expect(driver.msix!.fired()).toEqual([rxVector]);
    driver.frames(0);
    wire.deliver(frame);
    clock.advance(0.5);
    expect(driver.msix!.fired()).toEqual([]);
    expect(setQueue(driver, 0, 10, 300)).toBe(ok);
    expect(driver.msix!.fired()).toEqual([rxVector, 5]);
  });

  it('by a card that goes on where another was saved, when it has waited long enough in all', () => {
    const { driver, wire, clock, card, pci, machine } = coalescingCard(10, 1000);
    setQueue(driver, 1, 20, 2000);
    wire.deliver(frame);
    driver.send(0, frame);
    clock.advance(0.6);
    const state: unknown = JSON.parse(JSON.stringify(pci.save()));
    card.attach(undefined);
    const laterClock = new ManualClock();
    laterClock.advance(5000);
    const later = new NetDevice(laterClock, { mac: '52:54:00:12:34:56', queuePairs: 2, queueSize: 16 });
    const laterPci = new VirtioPciFunction(later);
    machine.insert(laterPci);
    wire.plugInto(later);
    laterPci.restore(state);
    driver.msix!.fired();
    laterClock.advance(0.39);
    expect(driver.msix!.fired()).toEqual([]);
    laterClock.advance(0.02);
    expect(driver.msix!.fired()).toEqual([rxVector]);
    laterClock.advance(0.99);
    expect(driver.msix!.fired()).toEqual([txVector]);
    expect(getQueue(driver, 1)).toEqual([20, 2000]);
    expect(getQueue(driver, 3)).toEqual([10, 1000]);
  });

  it('by a card that goes on where another was saved in the middle of a burst', () => {
    const { driver, wire, card, pci, machine } = coalescingCard(10, 1000);
    wire.pass(frame);
    const state: unknown = JSON.parse(JSON.stringify(pci.save()));
    card.attach(undefined);
    const later = new ManualClock();
    const laterPci = new VirtioPciFunction(
      new NetDevice(later, { mac: '52:54:00:12:34:56', queuePairs: 2, queueSize: 16 }),
    );
    machine.insert(laterPci);
    laterPci.restore(state);
    expect(driver.msix!.fired()).toEqual([]);
    later.advance(1);
    expect(driver.msix!.fired()).toEqual([rxVector]);
    expect(driver.frames(0).length).toBe(1);
  });

  it('when the card may reach memory again, if the time went by while it might not', () => {
    const { driver, wire, clock } = coalescingCard(10, 1000);
    wire.deliver(frame);
    driver.pci.command(commandBit.memory);
    clock.advance(5);
    expect(driver.msix!.fired()).toEqual([]);
    driver.pci.command(commandBit.memory | commandBit.busMaster);
    expect(driver.msix!.fired()).toEqual([rxVector]);
  });

  it('for a pair that goes out of use meanwhile', () => {
    const { driver, wire, clock } = coalescingCard(10, 1000);
    driver.setPairs(2);
    driver.giveBuffers(1, [100]);
    driver.send(1, frame);
    wire.deliver(frame);
    driver.setPairs(1);
    driver.msix!.fired();
    clock.advance(1);
    expect(driver.msix!.fired().sort()).toEqual([3, 4]);
  });

  it('to nobody after a reset, and the next driver starts with nothing set', () => {
    const { driver, wire, clock, machine, card } = coalescingCard(10, 1000);
    wire.deliver(frame);
    driver.pci.reset();
    clock.advance(5);
    expect(machine.takeMessages()).toEqual([]);
    expect(card.coalescing.save()).toEqual({
      directions: [coalescingOff, coalescingOff],
      queues: new Array(4).fill(coalescingOff),
      waiting: [],
    });
  });
});

const coalescingOff = { maxPackets: 0, maxUsecs: 0 };

describe('what is set', () => {
  it('is what was set last, for the queue or for its direction', () => {
    const { driver } = runningCard({ queuePairs: 2 });
    for (const queue of [0, 1, 2, 3]) expect(getQueue(driver, queue)).toEqual([0, 0]);
    set(driver, rxSet, 1, 2);
    setQueue(driver, 0, 3, 4);
    setQueue(driver, 1, 5, 6);
    expect([0, 1, 2, 3].map((queue) => getQueue(driver, queue))).toEqual([
      [3, 4],
      [5, 6],
      [1, 2],
      [0, 0],
    ]);
    set(driver, txSet, 0xffffffff, 0x80000000);
    expect([0, 1, 2, 3].map((queue) => getQueue(driver, queue))).toEqual([
      [3, 4],
      [0xffffffff, 0x80000000],
      [1, 2],
      [0xffffffff, 0x80000000],
    ]);
  });

  it('comes back to what was set for the direction when a queue starts anew', () => {
    const { driver, card } = runningCard({ queuePairs: 2 });
    set(driver, rxSet, 1, 2);
    setQueue(driver, 0, 3, 4);
    setQueue(driver, 1, 5, 6);
    card.coalescing.resetQueue(0);
    card.coalescing.resetQueue(1);
    expect(getQueue(driver, 0)).toEqual([1, 2]);
    expect(getQueue(driver, 1)).toEqual([0, 0]);
  });

  it('is refused for a queue that is not enabled, does not exist, or carries no packets', () => {
    const { driver, faults } = runningCard({ queuePairs: 2 }, { pairs: 1 });
    for (const queue of [2, 3, 4, 5, 0xffff]) {
      expect(setQueue(driver, queue, 1, 1)).toBe(error);
      expect(getQueue(driver, queue)).toBe(error);
    }
    expect(new Set(faults.map(({ fault }) => fault.rule))).toEqual(new Set(['control-argument']));
  });

  it('is refused with a wrong length', () => {
    const { driver } = runningCard({ queuePairs: 2 });
    for (const length of [0, 4, 7, 9, 12]) {
      expect(driver.command(coalClass, txSet, new Array<number>(length).fill(0))).toBe(error);
      expect(driver.command(coalClass, rxSet, new Array<number>(length).fill(0))).toBe(error);
      if (length !== 12) expect(driver.command(coalClass, queueSet, new Array<number>(length).fill(0))).toBe(error);
      if (length !== 4) expect(driver.query(coalClass, queueGet, new Array<number>(length).fill(0), 8)![0]).toBe(error);
    }
    expect(driver.query(coalClass, queueGet, [0, 0, 0, 0], 7)![0]).toBe(error);
  });

  it('needs the feature that has the command', () => {
    const without = runningCard({ queuePairs: 2 }, { features: both & ~feature.coalescing }).driver;
    expect([set(without, txSet, 1, 1), set(without, rxSet, 1, 1), setQueue(without, 0, 1, 1)]).toEqual([
      error,
      error,
      ok,
    ]);
    const only = runningCard({ queuePairs: 2 }, { features: both & ~feature.queueCoalescing }).driver;
    expect([set(only, txSet, 1, 1), setQueue(only, 0, 1, 1), getQueue(only, 0)]).toEqual([ok, error, error]);
  });
});
