import { describe, expect, it } from 'vitest';

import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { describeOperations } from './operations.js';
import { describeTarget, exchange, start, ways, type Way } from './script.js';
import { describeSubsets } from './subsets.js';

describe('our card without an emulator', () => {
  describeTarget(
    () => Promise.resolve(inProcess()),
    [
      'plain',
      'intx',
      'window',
      'chained',
      'indirect',
      'events',
      'merged',
      'packed',
      'packedEvents',
      'packedIndirect',
      'packedMerged',
      'inOrder',
      'packedInOrder',
      'notificationData',
      'packedNotificationData',
    ],
  );
  describeOperations(
    () => Promise.resolve(inProcess()),
    [
      'all pairs',
      'all pairs, packed',
      'reset of a queue',
      'automatic steering',
      'statistics',
      'RSS',
      'hash report',
      'checksum offload',
      'segmentation offload',
      'receive offloads',
      'large packets received',
      'notification coalescing',
      'link status',
      'masked vectors',
      'reset of the machine',
      'receive modes and address table',
      'VLAN filter',
      'announcement',
    ],
  );
  describeSubsets(() => Promise.resolve(inProcess()), 30);
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
