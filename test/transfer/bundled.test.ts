/**
 * Copies by a program whose bundler has renamed functions and put calls of its own into them: threads
 * get their code as source text.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { assembled } from '../../scripts/bundle.mjs';
import { expectClean } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, makeFiles } from './trees.ts';

test.each([
  { minify: true },
  { keepNames: true },
  { minify: true, keepNames: true, format: 'cjs' as const },
])('bundled with %o', { timeout: 60_000 }, async (options) => {
  const folder = scratchFolder();
  const files: Files = {};
  // So many that threads are started, both ways.
  for (let i = 0; i < 500; i++) files[`${i % 7}/${i}`] = `text ${i} `.repeat(1500);
  makeFiles(join(folder, 'in'), files);
  const isCommonJs = 'format' in options;
  const outfile = join(folder, isCommonJs ? 'copy.cjs' : 'copy.mjs');
  await build({
    stdin: {
      contents: `
        import { GitStore } from './index.ts';
        (async () => {
          const store = await GitStore.open('store.git');
          await (await store.branches.get('main')).copyIn(['in/'], '');
          await (await store.branches.get('main')).copyOut([''], 'out');
          await store.close();
        })();`,
      resolveDir: join(import.meta.dirname, '../../src'),
    },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    external: ['fs-native-extensions'],
    define: await assembled(),
    banner: {
      js: isCommonJs
        ? ''
        : "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);",
    },
    logLevel: 'error',
    ...options,
  });
  execFileSync(process.execPath, [outfile], { cwd: folder });
  expectClean(join(folder, 'store.git'));
  expect(filesOnDisk(join(folder, 'out'))).toEqual(filesOnDisk(join(folder, 'in')));
});
