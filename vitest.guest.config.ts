import { defineConfig } from 'vitest/config';

/** Tests that boot real kernels, one file after the other: two guests keep the machine busy. */
export default defineConfig({
  test: {
    include: ['test/guest/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
