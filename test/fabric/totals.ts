import { expect } from 'vitest';
import type { FabricLaneCounters, FabricPortCounters } from '../../src/fabric/index.js';

const numbers = [
  'inFrames',
  'outFrames',
  'floodCopies',
  'refused',
  'filtered',
  'waitingFrames',
  'toldFull',
] as const satisfies (keyof FabricLaneCounters)[];

/** The sums over all lanes of all ports. */
export function totals(ports: FabricPortCounters[]) {
  const sum = { ...Object.fromEntries(numbers.map((key) => [key, 0])), dropped: 0 } as Record<
    (typeof numbers)[number] | 'dropped',
    number
  >;
  for (const lane of ports.flatMap((port) => port.lanes)) {
    for (const key of numbers) sum[key] += lane[key];
    for (const count of Object.values(lane.dropped)) sum.dropped += count;
  }
  return sum;
}

/** Nothing is lost without a reason. */
export function expectBalance(ports: FabricPortCounters[]): void {
  const sum = totals(ports);
  expect(sum.inFrames + sum.floodCopies).toBe(
    sum.outFrames + sum.refused + sum.filtered + sum.waitingFrames + sum.dropped,
  );
}
