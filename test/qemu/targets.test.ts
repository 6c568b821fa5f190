import { describe } from 'vitest';

import { qemu } from '../../src/lab/targets/qemu.node.js';
import { describeOperations } from '../lab/targets/operations.js';
import { describeTarget } from '../lab/targets/script.js';

describe("QEMU's card", () => {
  describeTarget(
    () => qemu({ properties: { packed: true } }),
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
      'legacy',
      'legacyIntx',
      'legacyMerged',
    ],
    'tolerated',
  );
  describeOperations(qemu, ['link status', 'masked vectors', 'reset of the machine', 'announcement']);
});
