import { describe, expect, it, vi } from 'vitest';

import { startInWorkers, type CommonWorkersOptions, type StartSource } from '../../src/vm/start.js';
import type { GuestWorker } from '../../src/vm/worker/guest.js';

describe('guests in workers', () => {
  it.each<[CommonWorkersOptions, string]>([
    [{ lanes: 0 }, 'The number of lanes is 1 to 256; 0 is not.'],
    [{ lanes: 257 }, 'The number of lanes is 1 to 256; 257 is not.'],
    [{ lanes: 1.5 }, 'The number of lanes is 1 to 256; 1.5 is not.'],
    [{ deadline: Infinity }, 'deadline is Infinity; it must be a whole number from 0 to 3600000.'],
  ])('are not started at all with %o', async (options, message) => {
    const source = vi.fn<() => Promise<StartSource>>(() => Promise.reject(new Error('something was started')));
    const spawn = vi.fn<() => GuestWorker>();
    await expect(startInWorkers(options, source, spawn)).rejects.toThrow(message);
    expect(source).not.toHaveBeenCalled();
    expect(spawn).not.toHaveBeenCalled();
  });
});
