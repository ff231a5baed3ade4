import { defineConfig } from 'vitest/config';
import { codecs } from './scripts/bundle.mjs';

export default defineConfig({
  define: { GITSTORE_CODECS: await codecs() },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
