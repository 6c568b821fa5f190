import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { buildPacket, packetFrame } from '../support/packets.js';
import { frameOf } from '../support/wire.js';
import { feature, runningCard, type CardOptions, type NetDriver } from '../support/netDriver.js';
import { commandBit } from '../support/pciDriver.js';

const [ok, error] = [0, 1];
/** VIRTIO_NET_CTRL_STATS and its commands. */
const statsClass = 8;
const [query, get] = [0, 1];
const type = { rxBasic: 0, rxCsum: 1, rxGso: 2, rxSpeed: 3, txBasic: 16, txCsum: 17, txGso: 18, txSpeed: 19, cvq: 32 };
const mask = (...types: number[]): bigint => types.reduce((set, one) => set | (1n << BigInt(one)), 0n);

const frame = plainFrame(60, 1);
const word16 = (value: number): number[] => [value & 255, value >>> 8];

/** struct virtio_net_ctrl_queue_stats, with nonsense in what is reserved. */
function request(...rows: [queue: number, types: bigint][]): number[] {
  const bytes = new Uint8Array(16 * rows.length).fill(0xaa);
  const view = new DataView(bytes.buffer);
  rows.forEach(([queue, types], index) => {
    view.setUint16(16 * index, queue, true);
    view.setBigUint64(16 * index + 8, types, true);
  });
  return [...bytes];
}

interface Reply {
  readonly type: number;
  readonly queue: number;
  readonly counters: number[];
}

/** The replies, or the ack that refuses them. */
function ask(driver: NetDriver, rows: [queue: number, types: bigint][], room = 1000): Reply[] | number {
  const answer = driver.query(statsClass, get, request(...rows), room)!;
  if (answer[0] !== ok) return answer[0];
  const view = new DataView(answer.buffer, answer.byteOffset + 1, answer.length - 1);
  const replies: Reply[] = [];
  for (let at = 0; at < view.byteLength;) {
    const size = view.getUint16(at + 6, true);
    const counters = Array.from({ length: (size - 8) / 8 }, (_, i) => Number(view.getBigUint64(at + 8 + 8 * i, true)));
    expect([view.getUint8(at + 1), view.getUint16(at + 4, true)]).toEqual([0, 0]);
    replies.push({ type: view.getUint8(at), queue: view.getUint16(at + 2, true), counters });
    at += size;
  }
  return replies;
}

/** The counters of one type of one queue. */
function counters(driver: NetDriver, queue: number, which: number): number[] {
  const [reply] = ask(driver, [[queue, mask(which)]]) as Reply[];
  expect(reply).toMatchObject({ type: which, queue });
  return reply.counters;
}

const card = (options: CardOptions = {}) => runningCard({ queuePairs: 2, ...options });

describe('VIRTIO_NET_CTRL_STATS_QUERY', () => {
  it('tells the types that can be asked for', () => {
    const { driver } = card();
    const answer = driver.query(statsClass, query, [], 8)!;
    expect(answer[0]).toBe(ok);
    const types = new DataView(answer.buffer, answer.byteOffset).getBigUint64(1, true);
    const always = mask(type.cvq, type.rxBasic, type.rxSpeed, type.txBasic, type.txSpeed);
    expect(types & always).toBe(always);
    // All that it tells of can be had, and nothing else.
    for (let bit = 0; bit < 64; bit++) {
      const queue = bit === type.cvq ? driver.controlQueue : bit < 16 ? 0 : 1;
      const had = ask(driver, [[queue, mask(bit)]]) !== error;
      expect(had, `type ${bit}`).toBe(((types >> BigInt(bit)) & 1n) === 1n);
    }
  });

  it('takes no data, and needs room for its result', () => {
    const { driver } = card();
    expect(driver.query(statsClass, query, [0], 8)![0]).toBe(error);
    expect(driver.query(statsClass, query, [], 7)![0]).toBe(error);
  });
});

describe('VIRTIO_NET_CTRL_STATS_GET', () => {
  it('counts what a receive queue got, and what it did not get', () => {
    // A split ring can't ask that its first buffer be not told of.
    const { driver, wire } = card({ features: { VIRTIO_NET_F_MRG_RXBUF: false, VIRTIO_F_RING_PACKED: false } });
    expect(counters(driver, 0, type.rxBasic)).toEqual([0, 0, 0, 0, 0, 0]);
    driver.giveBuffers(0, [100], [100], [20]);
    wire.deliver(frame);
    driver.frames(0);
    wire.deliver(frame);
    wire.deliver(frame);
    wire.deliver(new Uint8Array(5));
    expect(counters(driver, 0, type.rxBasic)).toEqual([1, 2, 120, 2, 2, 1]);
    expect(counters(driver, 2, type.rxBasic)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('counts notifications of the driver, and no others', () => {
    const { driver, wire } = card();
    wire.deliver(frame);
    driver.giveBuffers(0, [100]);
    driver.pci.command(commandBit.memory);
    driver.pci.command(commandBit.memory | commandBit.busMaster);
    expect(counters(driver, 0, type.rxBasic)[0]).toBe(1);
    for (let i = 0; i < 3; i++) driver.send(0, frame);
    expect(counters(driver, 1, type.txBasic)[0]).toBe(3);
  });

  it('counts what a transmit queue sent, and what was lost', () => {
    const { driver, wire, card: device } = card();
    driver.send(0, frame, frame);
    driver.completed(0);
    driver.send(0, new Uint8Array(3));
    driver.completed(0);
    device.attach(undefined);
    driver.send(0, frame);
    driver.completed(0);
    expect(counters(driver, 1, type.txBasic)).toEqual([3, 2, 120, 3, 2, 1]);
    expect(wire.sent.length).toBe(2);
  });

  it('counts a packet that never found room as lost', () => {
    const { driver, wire, clock } = card({ deadline: 100 });
    wire.answer = Sent.full;
    driver.send(1, frame);
    expect(counters(driver, 3, type.txBasic).slice(1)).toEqual([0, 0, 0, 0, 0]);
    clock.advance(100);
    expect(counters(driver, 3, type.txBasic).slice(1)).toEqual([0, 0, 1, 1, 0]);
  });

  it('counts checksums and segments that are left to others', () => {
    const { driver, card: device } = card();
    const built = buildPacket({ version: 4, transport: 'tcp', payload: new Uint8Array(1400) });
    const { bytes, checksumStart, checksumOffset, payloadStart } = built;
    const header = (gso: number): Uint8Array =>
      Uint8Array.from([
        1,
        gso,
        ...word16(payloadStart),
        ...word16(1000),
        ...word16(checksumStart),
        ...word16(checksumOffset),
      ]);
    driver.queuePacket(0, bytes, [12], header(0));
    driver.queuePacket(0, bytes, [12], header(1));
    driver.send(0, frame);
    expect(counters(driver, 1, type.txCsum)).toEqual([1, 2]);
    expect(counters(driver, 1, type.txGso)).toEqual([1, bytes.length, 0, 0, 1, bytes.length]);

    driver.giveBuffers(0, [4000], [4000], [4000]);
    device.send(packetFrame(built), 0);
    device.send(packetFrame(built, { gso: 1, gsoSize: 1000 }), 0);
    device.send(frameOf(frame), 0);
    expect(counters(driver, 0, type.rxCsum)).toEqual([0, 2, 1, 0]);
    expect(counters(driver, 0, type.rxGso)).toEqual([1, bytes.length, 0, 0]);
  });

  it('counts commands, the one that asks among them', () => {
    const { driver } = card();
    expect(counters(driver, 4, type.cvq)).toEqual([1, 1]);
    driver.setPairs(2);
    driver.setPairs(77);
    expect(counters(driver, 4, type.cvq)).toEqual([4, 3]);
  });

  it('never counts a packet that was too fast', () => {
    const { driver } = card();
    expect([counters(driver, 0, type.rxSpeed), counters(driver, 1, type.txSpeed)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('answers several types of several queues, by types within each request', () => {
    const { driver } = card();
    driver.send(1, frame);
    const replies = ask(driver, [
      [3, mask(type.txSpeed, type.txBasic)],
      [4, mask(type.cvq)],
      [0, 0n],
      [2, mask(type.rxBasic)],
    ]) as Reply[];
    expect(replies.map(({ queue, type: which }) => [queue, which])).toEqual([
      [3, type.txBasic],
      [3, type.txSpeed],
      [4, type.cvq],
      [2, type.rxBasic],
    ]);
    expect(replies[0].counters[1]).toBe(1);
  });

  it('fills what room there is, and no more', () => {
    const { driver } = card();
    const whole = driver.query(statsClass, get, request([0, mask(type.rxBasic, type.rxSpeed)]), 200)!;
    expect(whole.length).toBe(1 + 56 + 24);
    for (const room of [0, 1, 8, 56, 79]) {
      expect(driver.query(statsClass, get, request([0, mask(type.rxBasic, type.rxSpeed)]), room)).toEqual(
        whole.subarray(0, 1 + room),
      );
    }
  });

  it('refuses all of a command when one part of it is wrong', () => {
    const { driver, faults } = card();
    const good: [number, bigint] = [0, mask(type.rxBasic)];
    const bad: [number, bigint][] = [
      [5, mask(type.rxBasic)],
      [0xffff, mask(type.rxBasic)],
      [0, mask(type.txBasic)],
      [1, mask(type.rxBasic)],
      [1, mask(type.cvq)],
      [4, mask(type.rxBasic)],
      [0, mask(type.rxBasic, 4)],
      [0, 1n << 63n],
    ];
    for (const row of bad) expect(ask(driver, [good, row]), row.join()).toBe(error);
    const bytes = request(good);
    for (const data of [[], bytes.slice(1), [...bytes, 0], bytes.slice(0, 8)]) {
      expect(driver.query(statsClass, get, data, 100)![0]).toBe(error);
    }
    expect(faults.every(({ fault }) => fault.rule === 'control-argument')).toBe(true);
    expect(ask(driver, [good])).not.toBe(error);
  });

  it('refuses types of features that were not negotiated', () => {
    const { driver } = runningCard({}, { features: feature.version1 | feature.controlQueue | feature.statistics });
    expect(driver.controlQueue).toBe(2);
    for (const [queue, which] of [
      [0, type.rxCsum],
      [0, type.rxGso],
      [1, type.txCsum],
      [1, type.txGso],
    ]) {
      expect(ask(driver, [[queue, mask(which)]])).toBe(error);
    }
    expect(counters(driver, 2, type.cvq)[0]).toBe(5);
  });

  it('goes on with its counts after a reset, and in a card that was restored', () => {
    const { driver, machine, pci, card: device } = card();
    driver.send(0, frame);
    const state: unknown = JSON.parse(JSON.stringify(pci.save()));
    driver.send(0, frame);
    pci.restore(state);
    expect(device.statistics.transmit[0]).toMatchObject({ notifications: 1, interrupts: 1 });
    pci.reset();
    machine.takeMessages();
    expect(device.statistics.transmit[0]).toMatchObject({ notifications: 1, interrupts: 1 });
  });
});
