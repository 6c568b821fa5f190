import { describe } from 'vitest';

import { v86Ours, v86Own } from '../../../src/lab/targets/v86.node.js';
import { describeOperations } from './operations.js';
import { describeTarget } from './script.js';

describe('our card in v86', () => {
  describeTarget(v86Ours, ['plain', 'intx', 'events', 'merged', 'packedEvents']);
  describeOperations(v86Ours, ['all pairs', 'masked vectors', 'reset of the machine']);
});

describe("v86's own card", () => {
  describeTarget(v86Own, ['plain', 'intx', 'chained']);
});
