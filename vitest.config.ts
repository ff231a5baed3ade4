import { defineConfig } from 'vitest/config';
import { assembled } from './scripts/bundle.mjs';

export default defineConfig({
  define: await assembled(),
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
