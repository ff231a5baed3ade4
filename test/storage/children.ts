/**
 * Child processes that work on refs: the scripts of `children/`, each bundled into one file below
 * node_modules (so that it finds the native dependency) and run with one JSON argument.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll } from 'vitest';
import { assembled } from '../../scripts/bundle.mjs';
import { type Running, startNode } from '../helpers/run.ts';

const cache = join(import.meta.dirname, '../../node_modules/.cache/gitstore-test');
let folder: string | undefined;
const bundled = new Map<string, Promise<string>>();

/** Starts `children/NAME.ts` with `task` as its argument. */
export async function startChild(name: string, task: object): Promise<Running> {
  const script = bundled.get(name) ?? bundleChild(name);
  bundled.set(name, script);
  return startNode([await script, JSON.stringify(task)], { timeout: 120_000 });
}

async function bundleChild(name: string): Promise<string> {
  if (folder === undefined) {
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, 'children-'));
  }
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, 'children', `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    external: ['fs-native-extensions'],
    define: await assembled(),
    logLevel: 'warning',
  });
  return outfile;
}

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
