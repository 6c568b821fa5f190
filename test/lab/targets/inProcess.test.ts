import { describe } from 'vitest';

import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { describeOperations } from './operations.js';
import { describeTarget } from './script.js';

describe('our card without an emulator', () => {
  describeTarget(
    () => Promise.resolve(inProcess()),
    ['plain', 'intx', 'window', 'chained', 'indirect', 'events', 'merged'],
  );
  describeOperations(
    () => Promise.resolve(inProcess()),
    [
      'all pairs',
      'automatic steering',
      'checksum offload',
      'segmentation offload',
      'receive offloads',
      'notification coalescing',
      'link status',
      'masked vectors',
      'reset of the machine',
      'receive modes and address table',
      'VLAN filter',
      'announcement',
    ],
  );
});
