/**
 * How the sources become JavaScript: the library's entries, and the command line. Used by the build
 * and by the tests that run the program in a process of its own.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import wabt from 'wabt';
import { bundleLibrary } from './bundleLibrary.mjs';
import { bundleProgram } from './bundleProgram.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = 'node20.19';

/** The entry files of threads. */
const THREADS = {
  GITSTORE_CHECK_WORKER: 'storage/bare/check/worker.ts',
  GITSTORE_COMPARISON_WORKER: 'transfer/record/comparisonWorker.ts',
  GITSTORE_DEFLATE_WORKER: 'zlib/deflateWorker.ts',
  GITSTORE_INFLATE_WORKER: 'storage/packs/reading/inflateWorker.ts',
  GITSTORE_REPACK_WORKER: 'storage/bare/repack/deltas/worker.ts',
  GITSTORE_WRITER_WORKER: 'transfer/out/writerWorker.ts',
};

/** Writes `index.js`, `server.js` (and `.cjs`), `cli.cjs`, their chunks and the licenses of bundled packages into `outdir`. */
export async function bundle(outdir) {
  const { stamp, common } = await options();
  const library = await bundleLibrary(outdir, { root, target, define: common.define });
  const program = await bundleProgram(outdir, programOptions(stamp, common));
  const inputs = [...library, ...program];
  writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licenses(inputs));
}

/**
 * Writes `cli.cjs` and the folder of what it loads, as scripts/sea.mjs puts them into one file.
 * @returns the mark by which the program knows the file for its own
 */
export async function bundleExecutable(outdir) {
  const { stamp, common } = await options();
  await bundleProgram(outdir, { ...programOptions(stamp, common), start: 'executable' });
  return `program ${stamp}`;
}

/** The code of threads is put in at the end: names in it are not those of the code around it. */
function programOptions(stamp, common) {
  const places = Object.keys(THREADS).map((name) => [
    name,
    JSON.stringify(`thread:${name}`),
    common.define[name],
  ]);
  const define = {
    ...common.define,
    ...Object.fromEntries(places.map(([name, place]) => [name, place])),
    'import.meta.url': '__filename',
  };
  return { ...common, stamp, define, texts: places.map(([, place, code]) => [place, code]) };
}

async function options() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const modules = await assembled();
  const stamp = stampOf(join(root, 'src'));
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    external: ['fs-native-extensions'],
    define: {
      GITSTORE_VERSION: JSON.stringify(version),
      GITSTORE_STAMP: JSON.stringify(stamp),
      // What the AWS packages say about older versions of Node is not for our users' terminals.
      'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED': '"true"',
      ...modules,
    },
  };
  return { stamp, common };
}

/** What is the same for two builds of the same sources only. */
function stampOf(folder) {
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  for (const name of names) hash.update(readFileSync(name));
  return hash.digest('hex').slice(0, 16);
}

/**
 * What stands in the sources for modules of WebAssembly (*.wat), each in Base64, for the code of threads, and
 * for other files.
 */
export async function assembled() {
  const modules = await assembledModules();
  const threads = Object.entries(THREADS).map(async ([name, entry]) => [
    name,
    JSON.stringify(await threadSource(entry, modules)),
  ]);
  return { ...modules, ...Object.fromEntries(await Promise.all(threads)) };
}

async function assembledModules() {
  const { parseWat } = await wabt();
  const features = { simd: true, bulk_memory: true };
  const assemble = (name) => {
    const file = join(root, 'src', name);
    const module = parseWat(file, withParts(readFileSync(file, 'utf8')), features);
    module.validate();
    return JSON.stringify(Buffer.from(module.toBinary({}).buffer).toString('base64'));
  };
  return {
    GITSTORE_CODECS: assemble('zlib/codecs.wat'),
    GITSTORE_DEFLATE: assemble('zlib/deflate.wat'),
    // As a text: esbuild makes a module of its own of an object.
    GITSTORE_COMPLETIONS: JSON.stringify(JSON.stringify(completions())),
    GITSTORE_PACKED_TREES: assemble('storage/shortcuts/packedTrees.wat'),
  };
}

/** The scripts for shells, by the names of the shells. */
function completions() {
  const folder = join(root, 'src', 'cli', 'completion');
  const script = (name) => readFileSync(join(folder, `gitstore.${name}`), 'utf8');
  return {
    bash: script('bash'),
    zsh: script('zsh'),
    fish: script('fish'),
    powershell: script('ps1'),
  };
}

/** Puts in the files that a module includes. */
function withParts(text) {
  return text.replace(/^ *;; include (\S+)$/gm, (_, name) =>
    readFileSync(join(root, 'src', name), 'utf8'),
  );
}

/**
 * What a thread runs, as one text that is part of the bundle: it needs no file of its own beside it,
 * wherever the bundle ends up.
 */
async function threadSource(entry, define) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}`],
    bundle: true,
    platform: 'node',
    target,
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    external: ['fs-native-extensions'],
    define: { ...define, 'import.meta.url': 'undefined' },
    write: false,
  });
  // Names of its own: where the text lies in a bundle, what is done to that one's imports (`link` in
  // bundleProgram.mjs) must not reach into it. Not every runtime has `require` there.
  return outputFiles[0].text
    .replace(/\bimport_(?=\w)/g, 'thread_import_')
    .replace(/\brequire\("(node:[^"]+)"\)/g, 'process.getBuiltinModule("$1")');
}

/** The licenses of the packages whose code is in the bundle: they ask to be passed on with it. */
function licenses(inputs) {
  const packages = inputs.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(packages.filter(Boolean))]
    .sort()
    .map((path) => {
      const folder = join(root, path);
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const license = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
      const text = license === undefined ? '' : readFileSync(join(folder, license), 'utf8');
      return `${name} ${version}\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
