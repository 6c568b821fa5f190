import { defineConfig } from 'vitest/config';

/** Tests against QEMU's card, which need the program qemu-system-x86_64. */
export default defineConfig({
  test: {
    include: ['test/qemu/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
  },
});
