import { afterEach, expect, it, vi } from 'vitest';

import { systemClock } from '../../../src/hosts/v86/clock.js';

afterEach(() => vi.restoreAllMocks());

it('calls once after the time, and not after it was told not to', async () => {
  const start = systemClock.now();
  const called: string[] = [];
  const cancel = systemClock.after(5, () => called.push('cancelled'));
  cancel();
  systemClock.after(20, () => called.push('kept'));
  await vi.waitFor(() => expect(called).toContain('kept'), 5000);
  expect(systemClock.now() - start).toBeGreaterThanOrEqual(19);
  expect(called).toEqual(['kept']);
});

it('does not keep the process alive', () => {
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const cancel = systemClock.after(1000, () => undefined);
  expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false]);
  cancel();
});
