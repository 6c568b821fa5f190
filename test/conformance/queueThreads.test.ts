import { expect, it } from 'vitest';

import { allCases } from '../../src/lab/conformance/cases.js';
import { runCases, type Subject } from '../../src/lab/conformance/run.js';
import { queueThreadsHere } from '../../src/lab/targets/queueThreads.js';
import { netFeatures, type NetFeatureName } from '../../src/net/index.js';

/** Our card with its pairs served by two threads, which do their work when they are asked to. */
const subject: Subject = {
  name: 'virtio-mq-threads',
  patience: 300,
  choices: netFeatures.map(({ name }) => name),
  make: ({ pairs, transitional, offer }) => {
    const options = { ...(pairs !== undefined && { queuePairs: pairs }), transitional: transitional ?? false };
    const features = offer as Partial<Record<NetFeatureName, boolean>>;
    return Promise.resolve(queueThreadsHere(2, { ...options, features }));
  },
};

it('conforms with its pairs served by threads of their own', { timeout: 60_000 }, async () => {
  const results = await runCases(subject, allCases);
  expect(results.filter(({ result }) => result !== 'pass').map((one) => ({ case: one.case, seen: one.seen }))).toEqual(
    [],
  );
});
