import { defineConfig } from 'vitest/config';

/** Tests that boot real kernels, one file after the other: two guests keep the machine busy. */
export default defineConfig({
  test: {
    include: ['test/guest/**/*.test.ts'],
    fileParallelism: false,
    // Guests run in real time on a machine that may be busy with something else; what needed a second try is shown as such.
    retry: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
