import { defineConfig } from 'vitest/config';

/** Tests of the fabric's ports against the real thing at the other end: programs and the kernel's network. */
export default defineConfig({
  test: {
    include: ['test/ports/**/*.test.ts'],
    fileParallelism: false,
    // No test fails because the machine is busy.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
