import { describe, expect, it } from 'vitest';

import { interruptible, Interrupted } from '../../src/cli/interrupt.js';

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s aborts the work, which may clean up, and is status %i', async (name, status) => {
    const before = process.listenerCount(name);
    let cleaned = false;
    const work = interruptible(async (signal) => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    }).finally(() => (cleaned = true));
    process.emit(name, name);
    await expect(work).rejects.toBeInstanceOf(Interrupted);
    await expect(work).rejects.toMatchObject({ status });
    expect(cleaned).toBe(true);
    expect(process.listenerCount(name)).toBe(before);
  });
});
