/**
 * The program as it is shipped, and other bundles of the sources, for tests that run them in a process
 * of their own. Each is made once, by the first test file that needs it, into a folder below
 * node_modules (so that it finds the native dependency) that is named by what the sources hold. All
 * other files use it, and so do later runs until a source changes.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { assembled, bundle } from '../../scripts/bundle.mjs';

export interface Program {
  /** The command line: `node <cli> ls …`. */
  readonly cli: string;
  /** The library entry, to be imported by its `file:` URL or path. */
  readonly library: string;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, 'node_modules', '.cache', 'gitstore-test');
const DAY = 24 * 3600 * 1000;

/** The program and the library, bundled as `npm run build` does. */
export async function buildProgram(): Promise<Program> {
  const folder = await built(
    'program',
    ['src', 'scripts', 'package.json', 'package-lock.json'],
    bundle,
  );
  return { cli: join(folder, 'cli.cjs'), library: join(folder, 'index.js') };
}

/** A script of the tests with the sources it imports, in one file. @param script path below test/ */
export async function buildScript(script: string): Promise<string> {
  const source = join('test', script);
  const folder = await built(
    'script',
    [source, 'src', 'scripts', 'package-lock.json'],
    async (to) => {
      await build({
        entryPoints: [join(root, source)],
        outfile: join(to, 'script.mjs'),
        bundle: true,
        platform: 'node',
        target: 'node20.19',
        format: 'esm',
        external: ['fs-native-extensions'],
        define: { ...(await assembled()), GITSTORE_VERSION: '"0.0.0"' },
        banner: {
          js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
        },
        logLevel: 'warning',
      });
    },
  );
  return join(folder, 'script.mjs');
}

/** The folder that `make` has filled from these sources, now or before. */
async function built(
  name: string,
  sources: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cache, `${name}-${stampOf(sources)}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  await removeOld();
  const unfinished = await mkdtemp(join(cache, 'unfinished-'));
  await make(unfinished);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Another test file has made the same meanwhile.
    if (!existsSync(folder)) throw error;
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

async function removeOld(): Promise<void> {
  for (const name of readdirSync(cache)) {
    const other = join(cache, name);
    const stat = statSync(other, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < Date.now() - DAY) {
      await rm(other, { recursive: true, force: true });
    }
  }
}

/** A name for what these files and folders hold. */
function stampOf(sources: readonly string[]): string {
  const hash = createHash('sha256');
  const names = sources.flatMap((source) =>
    statSync(join(root, source)).isFile()
      ? source
      : readdirSync(join(root, source), { recursive: true, encoding: 'utf8' }).map((name) =>
          join(source, name),
        ),
  );
  for (const name of names.sort()) {
    const path = join(root, name);
    if (statSync(path).isFile()) hash.update(`${name}\0`).update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
