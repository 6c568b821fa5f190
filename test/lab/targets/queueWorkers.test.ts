import { beforeAll, describe } from 'vitest';

import { queueWorkers } from '../../../src/lab/targets/queueThreads.node.js';
import { workerScript } from '../../support/workerScript.js';
import { describeOperations } from './operations.js';
import { describeTarget } from './script.js';

let script: URL;
beforeAll(async () => {
  script = await workerScript(new URL('../../../src/queues/main.node.ts', import.meta.url), 'queues');
});

describe('our card with its pairs served by two workers', () => {
  const make = () => Promise.resolve(queueWorkers(2, {}, script));
  describeTarget(make, ['plain', 'intx', 'merged', 'packed', 'packedEvents', 'inOrder', 'packedNotificationData']);
  describeOperations(make, [
    'all pairs',
    'all pairs, packed',
    'reset of a queue',
    'automatic steering',
    'statistics',
    'RSS',
    'masked vectors',
    'link status',
    'notification coalescing',
  ]);
});
