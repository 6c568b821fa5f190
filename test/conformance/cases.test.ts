import { describe, expect, it } from 'vitest';

import { allCases } from '../../src/lab/conformance/cases.js';
import { runCases } from '../../src/lab/conformance/run.js';
import { subjects } from '../../src/lab/conformance/subjects.node.js';

describe('our card, without an emulator', () => {
  it.each(allCases.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    const [result] = await runCases(subjects['virtio-mq'], [one]);
    expect(result).toMatchObject({ result: 'pass' });
  });
});
