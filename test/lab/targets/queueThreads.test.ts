import { describe } from 'vitest';

import { queueThreadsHere } from '../../../src/lab/targets/queueThreads.js';
import { describeOperations, operationNames } from './operations.js';
import { describeTarget, modernWays } from './script.js';
import { describeSubsets } from './subsets.js';

describe('our card with its pairs served by two threads', () => {
  describeTarget(() => Promise.resolve(queueThreadsHere(2)), modernWays);
  describeOperations(() => Promise.resolve(queueThreadsHere(2)), operationNames);
  describeSubsets(() => Promise.resolve(queueThreadsHere(2)), 5);
});
