import { describe, expect, it } from 'vitest';

import { NetDriver, openModern, reset, status } from '../../src/driver/index.js';
import { notifier } from '../../src/lab/traffic/index.js';
import { plainFrame } from '../support/frames.js';
import { LivingThreads } from './living.js';

const pair = 1;
const output = 2 * pair + 1;
const broken = { rule: 'transmit-writable', needsReset: true };

/** A card with a driver, which has put a packet into a transmit queue that no driver may put there. */
async function broughtDown() {
  const threads = new LivingThreads(2);
  const { target } = threads;
  const transport = await openModern(target.machine);
  const driver = await NetDriver.start(transport, { queueSize: 16 });
  const faults: { rule: string; needsReset: boolean }[] = [];
  target.function.onFault.on(({ fault: { rule }, needsReset }) => faults.push({ rule, needsReset }));
  const { queue } = driver.transmitters[pair];
  await queue.add([{ address: await transport.memory.allocate(64), length: 64, writable: true }]);
  await queue.ring.publish();
  return { threads, target, transport, faults, ring: () => notifier(target.plan, 0)(output) };
}

/** A new driver finds the card as good as new: all of its pairs send. */
async function expectToWork({ target }: LivingThreads): Promise<void> {
  const driver = await NetDriver.start(await openModern(target.machine), { queueSize: 16 });
  const { device } = target;
  const before = device.counters.map(({ txFrames }) => txFrames);
  for (const { pair: each } of driver.transmitters) {
    await driver.send(each, [plainFrame(60)]);
    expect(await driver.sent(each)).toBe(1);
  }
  expect(device.counters.map(({ txFrames }) => txFrames)).toEqual(before.map((count) => count + 1));
}

describe('a fault in a thread that has yet to tell it', () => {
  it('is told when the driver resets the card, which is as good as new then', async () => {
    const { threads, transport, faults, ring } = await broughtDown();
    ring();
    threads.work();
    expect(faults).toEqual([]);
    await reset(transport);
    expect(faults).toEqual([broken]);
    await expectToWork(threads);
  });

  it('is of no concern when it came up while the card was reset', async () => {
    const { threads, transport, faults, ring } = await broughtDown();
    threads.asked = (method) => {
      if (method === 'forget') ring();
    };
    await reset(transport);
    expect(faults).toEqual([]);
    await expectToWork(threads);
  });

  it('is told when the driver resets the queue, and the card needs a reset then', async () => {
    const { threads, transport, faults, ring } = await broughtDown();
    ring();
    threads.work();
    expect(await transport.resetQueue(output)).toBe(true);
    expect(faults).toEqual([broken]);
    expect((await transport.readStatus()) & status.deviceNeedsReset).toBe(status.deviceNeedsReset);
    await reset(transport);
    await expectToWork(threads);
  });
});
