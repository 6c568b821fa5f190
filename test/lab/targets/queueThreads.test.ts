import { describe } from 'vitest';

import { queueThreadsHere } from '../../../src/lab/targets/queueThreads.js';
import { describeOperations } from './operations.js';
import { describeTarget } from './script.js';
import { describeSubsets } from './subsets.js';

describe('our card with its pairs served by two threads', () => {
  describeTarget(
    () => Promise.resolve(queueThreadsHere(2)),
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
    () => Promise.resolve(queueThreadsHere(2)),
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
  describeSubsets(() => Promise.resolve(queueThreadsHere(2)), 5);
});
