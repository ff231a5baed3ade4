/**
 * The program as it is shipped, for tests that run it in a process of its own. `buildProgram()`
 * bundles the sources as `npm run build` does, into a folder below node_modules (so that the bundle
 * finds its native dependency) that is named by what the sources hold: the first test file that needs
 * it makes it, all others and later runs use it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../scripts/bundle.mjs';

export interface Program {
  /** The command line: `node <cli> ls …`. */
  readonly cli: string;
  /** The library entry, to be imported by its `file:` URL or path. */
  readonly library: string;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, 'node_modules', '.cache', 'gitstore-test');
const DAY = 24 * 3600 * 1000;

export async function buildProgram(): Promise<Program> {
  const folder = join(cache, stampOfBuild());
  if (!existsSync(folder)) await build(folder);
  return { cli: join(folder, 'cli.cjs'), library: join(folder, 'index.js') };
}

async function build(folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const other = join(cache, name);
    const stat = statSync(other, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < Date.now() - DAY) {
      await rm(other, { recursive: true, force: true });
    }
  }
  const unfinished = await mkdtemp(join(cache, 'unfinished-'));
  await bundle(unfinished);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Another test file has built the same meanwhile.
    if (!existsSync(folder)) throw error;
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** A name for what is built from these sources by these scripts. */
function stampOfBuild(): string {
  const hash = createHash('sha256');
  const names = ['src', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(root, folder, name),
    ),
  );
  names.push(join(root, 'package.json'), join(root, 'package-lock.json'));
  for (const name of names.sort()) {
    if (statSync(name).isFile()) hash.update(`${name}\0`).update(readFileSync(name)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
