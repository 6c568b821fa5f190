import { describe, expect, it } from 'vitest';

import { NetDriver, noVector, openModern } from '../../src/driver/index.js';
import { plainFrame } from '../support/frames.js';
import { LivingThreads } from './living.js';

const pair = 1;
const output = 2 * pair + 1;

describe('messages that a thread sends', () => {
  for (const [where, vector] of [
    ['another vector', 1],
    ['none', noVector],
  ] as const) {
    it(`count for the vector that they were sent with, when the driver moves the queue to ${where}`, async () => {
      const threads = new LivingThreads(2);
      const { target } = threads;
      const { msix } = target.function;
      const transport = await openModern(target.machine);
      const driver = await NetDriver.start(transport, { queueSize: 16 });
      const fired = [...msix.fired];
      await driver.send(pair, [plainFrame(60)]);
      threads.work();
      expect(msix.fired).toEqual(fired);
      await transport.setQueueVector(output, vector);
      fired[driver.transmitters[pair].queue.vector!]++;
      expect(msix.fired).toEqual(fired);

      expect(await driver.sent(pair)).toBe(1);
      await driver.transmitters[pair].queue.ring.wantInterrupts('always');
      await driver.send(pair, [plainFrame(60)]);
      expect(await driver.sent(pair)).toBe(1);
      if (vector !== noVector) fired[vector]++;
      expect(msix.fired).toEqual(fired);
    });
  }
});
