import { defineConfig } from 'vitest/config'

/** The stories run one after the other: each has a server, devices and a browser of its own, and two cores. */
export default defineConfig({
  test: {
    // The pictures are looked at by people, and the soak takes an hour: both are run when they are asked for.
    include: [process.env.SCREENSHOTS ? 'e2e/screenshots.ts' : process.env.SOAK ? 'e2e/soak.ts' : 'e2e/**/*.e2e.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    pool: 'forks',
  },
})
