import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
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

/**
 * Where tests keep their stores: in memory where Linux has a folder with room for that. On a disk a good part of
 * the suite waits for fsync. `TMPDIR=/tmp npm test` runs them on the disk.
 */
function scratch(): Record<string, string> {
  const folder = '/dev/shm';
  if (process.platform !== 'linux' || process.env.TMPDIR !== undefined) return {};
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[1] === folder);
  if (mount === undefined || /[ ,](?:noexec|ro)\b/.test(mount)) return {};
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < 4 * 2 ** 30) return {};
  const TMPDIR = mkdtempSync(join(folder, 'gitstore-tests-'));
  // Some tests act as another user.
  chmodSync(TMPDIR, 0o755);
  process.on('exit', () => rmSync(TMPDIR, { recursive: true, force: true }));
  return { TMPDIR };
}

const common: ProjectConfig['test'] = {
  env: scratch(),
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
