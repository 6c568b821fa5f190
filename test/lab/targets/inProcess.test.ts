import { describe, expect, it } from 'vitest';

import { everythingBut, NetDriver, openModern } from '../../../src/driver/index.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { describeOperations, operationNames } from './operations.js';
import { describeTarget, exchange, modernWays, start, ways, type Way } from './script.js';
import { describeSubsets } from './subsets.js';

describe('our card without an emulator', () => {
  describeTarget(() => Promise.resolve(inProcess()), modernWays);
  describeOperations(() => Promise.resolve(inProcess()), operationNames);
  describeSubsets(() => Promise.resolve(inProcess()), 30);
});

describe('a driver that has RSS and no other way to more than one pair', () => {
  it('takes all pairs into use by it', async () => {
    const target = inProcess();
    const faults: unknown[] = [];
    target.function.onFault.on((event) => faults.push(event));
    const driver = await NetDriver.start(await openModern(target.machine), {
      accept: everythingBut('VIRTIO_NET_F_MQ', 'VIRTIO_F_RING_PACKED'),
      queueSize: 16,
    });
    expect(target.device.lanes).toBe(4);
    for (const pair of [0, 3]) {
      await driver.send(pair, [new Uint8Array(60)]);
      await driver.sent(pair);
    }
    expect(faults).toEqual([]);
  });
});

describe('our transitional card without an emulator', () => {
  // A legacy driver can't choose the size of its queues.
  const make = () => inProcess({ transitional: true, queueSize: 16 });

  describeTarget(() => Promise.resolve(make()), ['legacy', 'legacyMerged', 'plain', 'events']);

  it('interrupts a legacy driver on its line, too', async () => {
    const target = make();
    const way: Way = { ...ways.legacy, interrupts: 'intx' };
    const driver = await start(target, way);
    expect(driver.usesMsix).toBe(false);
    await exchange(target, driver, way);
    expect(target.function.negotiation.usesLegacy).toBe(true);
  });
});
