import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/hosts/v86/index.js';

/** How long a wait really took, in milliseconds. */
function wait(milliseconds: number): Promise<number> {
  const started = systemClock.now();
  return new Promise((resolve) => systemClock.after(milliseconds, () => resolve(systemClock.now() - started)));
}

describe('the clock of guests', () => {
  it.each([0, 0.05, 0.5, 1, 1.9, 5.5])(
    'is not early for a wait of %f ms, and now and then as good as exact',
    async (length) => {
      let shortest = Infinity;
      for (let i = 0; i < 30; i++) {
        const took = await wait(length);
        expect(took).toBeGreaterThanOrEqual(length);
        shortest = Math.min(shortest, took);
      }
      // Half of what Node's own timers could do at best.
      expect(shortest).toBeLessThan(length + 0.5);
    },
  );

  it('does not call back at once, nor after it was told not to', async () => {
    const seen: string[] = [];
    systemClock.after(0, () => seen.push('due'));
    for (const length of [0, 0.5, 3]) systemClock.after(length, () => seen.push('cancelled'))();
    expect(seen).toEqual([]);
    await wait(5);
    expect(seen).toEqual(['due']);
  });
});
