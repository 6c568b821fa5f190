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
    ['all pairs', 'automatic steering', 'notification coalescing'],
  );
});
