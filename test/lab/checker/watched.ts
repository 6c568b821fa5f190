import { expect, it } from 'vitest';

import {
  everythingBut,
  negotiate,
  openModern,
  setUpQueue,
  type FeatureName,
  type ModernTransport,
  type DriverRing,
} from '../../../src/driver/index.js';
import { checkDriver, type DriverChecker, type StatementId } from '../../../src/lab/checker/index.js';
import { inProcess, type InProcessTarget } from '../../../src/lab/targets/inProcess.js';
import type { NetDeviceOptions } from '../../../src/net/index.js';

/** A card whose driver is watched from the start. */
export interface Watched {
  readonly target: InProcessTarget;
  readonly checker: DriverChecker;
}

export function watched(options: Partial<NetDeviceOptions> = {}): Watched {
  const target = inProcess(options);
  const checker = checkDriver(target.function, { now: () => target.hardware.clock.now() });
  return { target, checker };
}

/** The statements that were broken, each once. */
export function broken({ checker }: Watched): StatementId[] {
  return [...new Set(checker.report().violations.map(({ statement }) => statement))];
}

/** How often a statement was looked at. */
export function looks({ checker }: Watched, statement: StatementId): number {
  return checker.report().statements.find((count) => count.statement === statement)!.checked;
}

/** A driver that does something wrong, and what statements it breaks by that; no others. */
export interface WrongDriver {
  readonly breaks: readonly [StatementId, ...StatementId[]];
  readonly does: string;
  readonly card?: Partial<NetDeviceOptions>;
  run(watched: Watched): Promise<void>;
}

/** Tests that each driver is caught by just the statements that it breaks. */
export function describeWrongDrivers(drivers: readonly WrongDriver[]): void {
  it.each(drivers.map((driver) => [driver.breaks.join(', '), driver.does, driver] as const))(
    '%s: %s',
    async (_ids, _does, driver) => {
      const { breaks, card } = driver;
      const one = watched(card);
      await driver.run(one);
      expect(broken(one).sort()).toEqual([...breaks].sort());
    },
  );
}

/** A driver up to FEATURES_OK, by hand. */
export async function negotiated(
  { target }: Watched,
  ...except: readonly FeatureName[]
): Promise<{ transport: ModernTransport; features: bigint }> {
  const transport = await openModern(target.machine);
  return { transport, features: await negotiate(transport, everythingBut(...except)) };
}

/** The same with a queue that is enabled. */
export async function withQueue(
  watched: Watched,
  index: number,
  ...except: readonly FeatureName[]
): Promise<{ transport: ModernTransport; features: bigint; ring: DriverRing }> {
  const { transport, features } = await negotiated(watched, ...except);
  return { transport, features, ring: await setUpQueue(transport, features, index, { size: 16 }) };
}
