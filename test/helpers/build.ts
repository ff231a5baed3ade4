/**
 * The program as it is shipped, for tests that run it in a process of its own. `buildProgram()`
 * bundles the sources as `npm run build` does, once a test file, into a folder below node_modules
 * (so that the bundle finds its native dependency), and removes it after the file's last test.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { bundle } from '../../scripts/bundle.mjs';

export interface Program {
  /** The command line: `node <cli> ls …`. */
  readonly cli: string;
  /** The library entry, to be imported by its `file:` URL or path. */
  readonly library: string;
}

const cache = join(
  dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  'node_modules',
  '.cache',
  'gitstore-test',
);

let built: Promise<Program> | undefined;
let folder: string | undefined;

export function buildProgram(): Promise<Program> {
  built ??= build();
  return built;
}

async function build(): Promise<Program> {
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'build-'));
  await bundle(folder);
  return { cli: join(folder, 'cli.cjs'), library: join(folder, 'index.js') };
}

afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});
