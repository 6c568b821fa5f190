import { describe, expect, it } from 'vitest';

import { everythingBut, NetDriver, openModern } from '../../src/driver/index.js';
import { queueThreadsHere, type QueueThreadsTarget } from '../../src/lab/targets/queueThreads.js';
import { planCards } from '../../src/queues/index.js';
import { exchangeable } from './exchangeable.js';

/** A frame of a flow, which its UDP port names. */
function frameOf(port: number): Uint8Array {
  const frame = new Uint8Array(60).fill(0xff, 0, 6);
  frame.set([8, 0, 0x45], 12);
  frame[23] = 17;
  frame.set([10, 0, 0, 1, 10, 0, 0, 2, port >>> 8, port & 0xff, 0, 9], 26);
  return frame;
}

/** The pair on which each flow comes in. */
async function pairsOf(target: QueueThreadsTarget, driver: NetDriver, ports: readonly number[]): Promise<number[]> {
  const pairs: number[] = [];
  for (const port of ports) {
    await target.wire.send(frameOf(port));
    const [packet] = await driver.packets(1);
    expect(packet.frame).toEqual(frameOf(port));
    pairs.push(packet.pair);
  }
  return pairs;
}

const ports = Array.from({ length: 12 }, (_, i) => 4000 + i);

describe('a card whose pairs are served by threads', () => {
  it('receives each flow where the driver sent it, whichever threads serve these pairs', async () => {
    const target = queueThreadsHere(2);
    const driver = await NetDriver.start(await openModern(target.machine), { queueSize: 16 });
    for (const [i, port] of ports.entries()) await driver.send(i % 4, [frameOf(port)]);
    expect(await pairsOf(target, driver, ports)).toEqual(ports.map((_, i) => i % 4));
    expect((await target.wire.take()).map(({ pair }) => pair).sort()).toEqual(ports.map((_, i) => i % 4).sort());
  });

  for (const layout of ['split', 'packed'] as const) {
    it(`goes on elsewhere, with other threads, from where it was saved: ${layout}`, async () => {
      const [before, after] = [queueThreadsHere(2), queueThreadsHere(3)];
      const { machine, use } = exchangeable(before.machine);
      const accept = everythingBut(...(layout === 'split' ? (['VIRTIO_F_RING_PACKED'] as const) : []));
      const driver = await NetDriver.start(await openModern(machine), { queueSize: 8, accept });
      for (const [i, port] of ports.entries()) {
        await driver.send(i % 4, [frameOf(port)]);
        await driver.sent(i % 4);
      }
      const counters = before.device.counters.map((lane) => ({ ...lane }));
      const state: unknown = JSON.parse(JSON.stringify(before.function.save()));
      new Uint8Array(after.memory).set(new Uint8Array(before.memory));
      after.function.restore(state);
      use(after.machine);
      expect(after.device.counters).toEqual(counters);
      expect(await pairsOf(after, driver, ports)).toEqual(ports.map((_, i) => i % 4));
      for (let pair = 0; pair < 4; pair++) await driver.send(pair, [frameOf(pair)]);
      for (let pair = 0; pair < 4; pair++) expect(await driver.sent(pair)).toBe(1);
      expect(after.device.counters.map(({ txFrames }) => txFrames)).toEqual(counters.map((lane) => lane.txFrames + 1));
    });
  }

  it('has the messages counted that its threads send', async () => {
    const target = queueThreadsHere(2);
    const driver = await NetDriver.start(await openModern(target.machine), { queueSize: 16 });
    await target.wire.send(frameOf(1));
    const [{ pair }] = await driver.packets(1);
    expect(target.device.statistics.receive.map(({ interrupts }) => interrupts)).toEqual(
      [0, 1, 2, 3].map((other) => (other === pair ? 1 : 0)),
    );
    const fired = target.function.vectorUses().filter((vector) => vector.fired > 0);
    expect(fired.map(({ use, fired: count }) => [use, count])).toEqual([
      [`input.${pair}`, 1],
      ['control', 1],
    ]);
  });

  it('can only be made of threads and cards that there are', () => {
    const memory = new SharedArrayBuffer(1 << 20);
    const device = { mac: '52:54:00:12:34:56', queuePairs: 2 };
    expect(() => planCards(0, [{ memory, device }])).toThrow('0 threads can serve no queues');
    expect(() => planCards(2, [{ memory, device, servers: [0, 2] }])).toThrow(
      'servers is [0, 2]; it must name one of 2 threads for each pair',
    );
    expect(() => planCards(1, [{ memory, device, joined: 1 }])).toThrow(
      'card 0 is joined with card 1, which is not joined with it',
    );
  });
});
