import { defineConfig } from 'vitest/config'

/** Globals are on for the checkpoint validation suite, which is written for them; our tests import what they use. */
export default defineConfig({
  test: {
    globals: true,
    include: ['test/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
