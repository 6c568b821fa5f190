import { describe } from 'vitest';

import { v86Ours, v86Own } from '../../../src/lab/targets/v86.node.js';
import { describeTarget } from './script.js';

describe('our card in v86', () => {
  describeTarget(v86Ours, ['plain', 'intx', 'events', 'merged']);
});

describe("v86's own card", () => {
  describeTarget(v86Own, ['plain', 'intx', 'chained']);
});
