import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration as ProjectConfig } from 'vitest/config';
import { assembled } from './scripts/bundle.mjs';

const root = import.meta.dirname;
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name.replaceAll('\\', '/')}`);

/**
 * Files that replace a module for themselves, or functions of Node for the whole process. Each gets a
 * process of its own. All other files take turns in a few processes: to start one and to load the
 * sources costs more than most files' tests.
 */
const alone = files.filter((name) =>
  /\bvi\.mock\(|disk\/recorder/.test(readFileSync(join(root, name), 'utf8')),
);

const common: ProjectConfig['test'] = {
  setupFiles: ['test/setup.ts'],
  pool: 'forks',
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  define: await assembled(),
  test: {
    // By default one core is left idle.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          isolate: false,
        },
      },
      { extends: true, test: { ...common, name: 'alone', include: alone, isolate: true } },
    ],
  },
});
