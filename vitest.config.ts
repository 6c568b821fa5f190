import { defineConfig } from 'vitest/config';

/** Unit and property tests, all in process: no kernel, no browser, no network. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/guest/**', 'test/browser/**', 'test/qemu/**', 'test/ports/**'],
    // vitest would leave one processor idle; there may be no more than two.
    maxWorkers: '100%',
    // No test fails because the machine is busy.
    testTimeout: 60_000,
  },
});
