import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*/vitest.config.ts", "scripts/vitest.config.ts"],
    // Tests start processes of their own: more workers than this only make each other late.
    maxWorkers: 2,
    teardownTimeout: 30_000
  }
})
