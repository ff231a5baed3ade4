/**
 * How the sources become JavaScript: the library entry, and the command line with one chunk a
 * command, so that `cat` loads only what `cat` needs. Used by the build and by the tests that run
 * the program in a process of its own.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = 'node20.19';

/** Writes `index.js`, `server.js`, `cli.cjs`, their chunks and the licenses of bundled packages into `outdir`. */
export async function bundle(outdir) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const common = {
    absWorkingDir: root,
    outdir,
    bundle: true,
    platform: 'node',
    target,
    format: 'esm',
    splitting: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    external: ['fs-native-extensions'],
    define: {
      GITSTORE_VERSION: JSON.stringify(version),
      GITSTORE_REPACK_WORKER: JSON.stringify(await threadSource('repack/worker.ts')),
      GITSTORE_CHECK_WORKER: JSON.stringify(await threadSource('check/worker.ts')),
    },
    chunkNames: 'chunks/[name]-[hash]',
  };
  const library = await build({
    ...common,
    entryPoints: { index: 'src/index.ts', server: 'src/server/index.ts' },
    // Bundled CommonJS parts (ignore) call require for Node's own modules.
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    },
  });
  const cli = await build({
    ...common,
    entryPoints: { cli: 'src/cli/main.ts' },
    outExtension: { '.js': '.cjs' },
    plugins: [withoutChildProcess],
    write: false,
  });
  await writeCommonJs(outdir, cli);
  chmodSync(join(outdir, 'cli.cjs'), 0o755);
  const inputs = { ...library.metafile.inputs, ...cli.metafile.inputs };
  writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licenses(Object.keys(inputs)));
}

/**
 * What a thread runs, as one text that is part of the bundle: it needs no file of its own beside it,
 * wherever the bundle ends up.
 */
async function threadSource(entry) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`src/storage/bare/${entry}`],
    bundle: true,
    platform: 'node',
    target,
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    external: ['fs-native-extensions'],
    write: false,
  });
  return outputFiles[0].text;
}

/**
 * The command line starts as CommonJS: Node loads that in one go, without its loader for ES modules,
 * and of its own modules only what is called. It saves a quarter of the time of `cat`. esbuild splits
 * only ES modules, so each chunk is converted after it was split.
 *
 * What `cat` needs is dozens of chunks, and each file costs half a millisecond: those chunks go into
 * one file, `core.cjs`, a function that gives back what a chunk of it exports.
 */
async function writeCommonJs(outdir, { outputFiles, metafile }) {
  const core = chunksOf(metafile, ['src/cli/run.ts', 'src/cli/commands/cat.ts']);
  const fromCore = (text) =>
    text.replace(/\brequire\("\.\/(chunks\/)?([^"/]+)"\)/g, (all, folder = '', name) =>
      core.has(name) ? `require("./${folder}core.cjs")("${name}")` : all,
    );
  const parts = [];
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target,
      minifySyntax: true,
      minifyWhitespace: true,
      define: { 'import.meta.url': '__filename' },
      supported: { 'dynamic-import': false },
    });
    const name = basename(path);
    if (core.has(name)) {
      parts.push(`${JSON.stringify(name)}:(function(module,exports,require){${code}\n})`);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, fromCore(code));
    }
  }
  writeFileSync(join(outdir, 'chunks', 'core.cjs'), `${coreStart}={${parts.join(',\n')}};\n`);
}

/** File names of the chunks that are loaded before any of these modules runs. */
function chunksOf({ outputs }, modules) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: imported, kind } of outputs[path].imports) {
      if (kind === 'import-statement' && imported in outputs) visit(imported);
    }
  };
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    if (modules.includes(entryPoint)) visit(path);
  }
  return new Set([...found].map((path) => basename(path)));
}

const coreStart = `"use strict";
const made = Object.create(null);
const need = (path) => path.startsWith('./') && path.slice(2) in chunks ? get(path.slice(2)) : require(path);
function get(name) {
  let module = made[name];
  if (module === undefined) {
    made[name] = module = { exports: {} };
    chunks[name](module, module.exports, need);
  }
  return module.exports;
}
module.exports = get;
const chunks`;

/** Commander loads it for commands that are programs of their own; we have none. */
const withoutChildProcess = {
  name: 'without-child-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      /[/\\]commander[/\\]/.test(importer) ? { path, namespace: 'empty' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: '' }));
  },
};

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
