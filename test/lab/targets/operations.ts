import { expect, it } from 'vitest';

import { everythingBut, has, NetDriver, openModern } from '../../../src/driver/index.js';
import type { Target } from '../../../src/lab/targets/target.js';
import { control } from './operations/control.js';
import { events } from './operations/events.js';
import { offloads } from './operations/offloads.js';
import type { Operation } from './operations/operation.js';
import { steering } from './operations/steering.js';

/** All that a card can do. */
export const operations = { ...steering, ...offloads, ...control, ...events };

type OperationName = keyof typeof operations;

export const operationNames = Object.keys(operations) as readonly OperationName[];

/** Tests of what a target's card can do. */
export function describeOperations(make: () => Promise<Target>, names: readonly OperationName[]): void {
  it.each(names)('does: %s', async (name) => {
    const operation: Operation = operations[name];
    const target = await make();
    try {
      const transport = await openModern(target.machine);
      const offered = await transport.offered();
      const missing = operation.needs.filter((feature) => !has(offered, feature));
      expect(missing, 'features that this needs').toEqual([]);
      const driver = await NetDriver.start(transport, {
        accept: everythingBut(...(operation.except ?? [])),
        queueSize: 16,
      });
      await operation.run(driver, target);
      await driver.stop();
    } finally {
      await target.close();
    }
  });
}
