/**
 * How the command line is bundled: as CommonJS, which Node loads in one go and without its loader for
 * ES modules, in few files, and so that a command loads little beyond what it needs.
 *
 * Three kinds of files come out:
 * - `cli.cjs`, the start, which sets up the loading of all others;
 * - *groups*, `core.cjs` (what nearly every command needs) and `copy.cjs` (what copies need
 *   besides): many modules in one scope, so that a call from one to another is a plain call;
 * - *chunks*, one a command, and what several commands share.
 *
 * esbuild makes each group by itself and then all chunks together. Where one file needs a module of
 * another, esbuild leaves a name (`group:…`, `chunk:…`, `late:…`), and `link` puts in where that module
 * came to lie.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build, transform } from 'esbuild';

/** From which modules a group is gathered: with all they import, less what earlier groups hold. */
const GROUPS = {
  'core.cjs': ['src/cli/run.ts', 'src/cli/commands/cat.ts'],
  'copy.cjs': [
    'src/cli/commands/cp.ts',
    'src/cli/commands/sync.ts',
    'src/transfer/copyIn.ts',
    'src/transfer/copyOut.ts',
  ],
};

/** Parts of Node that many modules import and few runs use, 1 to 2 ms each: loaded when first used. */
const LATE = [
  'node:crypto',
  'node:fs/promises',
  'node:module',
  'node:os',
  'node:timers/promises',
  'node:worker_threads',
];

/** An `import()` becomes a `require` in a promise. */
const REQUIRE_ONLY = { 'dynamic-import': false };

/** Writes `cli.cjs` and all it loads. @returns the paths of the sources in it */
export async function bundleProgram(outdir, common) {
  const root = common.absWorkingDir;
  const options = { ...common, outdir, plugins: [withoutChildProcess], write: false };
  const imports = await importsOf('src/cli/run.ts', options);
  const groupOf = groupModules(imports);
  const isImportedByOthers = importedByOthers(imports, groupOf);
  const linked = (from) => linkingPlugin(root, groupOf, from);

  const files = new Map();
  for (const [file, modules] of modulesByGroup(groupOf)) {
    const exported = modules.filter(isImportedByOthers);
    const { outputFiles } = await build({
      ...options,
      format: 'cjs',
      supported: REQUIRE_ONLY,
      stdin: {
        contents: exported
          .map((path) => `export * as ${nameIn(path)} from ${JSON.stringify(`./${path}`)};`)
          .join('\n'),
        resolveDir: root,
      },
      plugins: [withoutChildProcess, linked(file)],
    });
    files.set(file, outputFiles[0].text);
  }
  const entries = [...imports.keys()].filter(
    (path) =>
      !groupOf.has(path) &&
      [...imports.values()].some((list) =>
        list.some(({ path: imported, kind }) => imported === path && kind === 'dynamic-import'),
      ),
  );
  const { outputFiles, metafile } = await build({
    ...options,
    format: 'esm',
    splitting: true,
    entryPoints: entries,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    plugins: [withoutChildProcess, linked(undefined)],
  });
  const chunkOf = new Map();
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined) chunkOf.set(entryPoint, basename(path));
  }
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: common.target,
      supported: REQUIRE_ONLY,
      minifySyntax: true,
      minifyWhitespace: true,
    });
    files.set(basename(path), code);
  }

  const hash = createHash('sha256');
  mkdirSync(join(outdir, 'chunks'), { recursive: true });
  for (const [file, code] of files) {
    const text = link(code, chunkOf);
    writeFileSync(join(outdir, 'chunks', file), text);
    hash.update(text);
  }
  await writeStart(outdir, common, hash.digest('hex').slice(0, 16));
  return [...imports.keys()];
}

/** Every module that is reached from `entry`, with what each of them imports and how. */
async function importsOf(entry, options) {
  const { metafile } = await build({
    ...options,
    format: 'esm',
    splitting: true,
    entryPoints: [entry],
  });
  return new Map(
    Object.entries(metafile.inputs).map(([path, { imports }]) => [
      path,
      imports.filter(({ path: imported }) => imported in metafile.inputs),
    ]),
  );
}

/** By the path of a module: the group that holds it. */
function groupModules(imports) {
  const groupOf = new Map();
  for (const [file, entries] of Object.entries(GROUPS)) {
    const gather = (path) => {
      if (groupOf.has(path)) return;
      groupOf.set(path, file);
      for (const { path: imported, kind } of imports.get(path)) {
        if (kind !== 'dynamic-import') gather(imported);
      }
    };
    for (const path of entries) gather(path);
  }
  return groupOf;
}

function modulesByGroup(groupOf) {
  return Object.keys(GROUPS).map((file) => [
    file,
    [...groupOf].filter(([, group]) => group === file).map(([path]) => path),
  ]);
}

/** Whether a module of a group is needed outside it, or is where the program starts. */
function importedByOthers(imports, groupOf) {
  const needed = new Set(['src/cli/run.ts']);
  for (const [path, list] of imports) {
    for (const { path: imported, kind } of list) {
      if (kind === 'dynamic-import' || groupOf.get(path) !== groupOf.get(imported)) {
        needed.add(imported);
      }
    }
  }
  return (path) => needed.has(path);
}

/** The name under which a group exports what a module exports. */
function nameIn(path) {
  return path.replace(/[^A-Za-z0-9]/g, '_');
}

/** Leaves names in the place of modules that lie in another file than the one that is made now. */
function linkingPlugin(root, groupOf, from) {
  return {
    name: 'linking',
    setup(esbuild) {
      esbuild.onResolve({ filter: /^[^\0]/ }, async ({ path, pluginData, ...options }) => {
        if (LATE.includes(path)) return { path: `late:${path}`, external: true };
        if (pluginData === 'resolving' || options.kind === 'entry-point') return undefined;
        const {
          path: found,
          external,
          errors,
        } = await esbuild.resolve(path, {
          ...options,
          pluginData: 'resolving',
        });
        if (external || errors.length > 0 || options.importer === '<stdin>') return undefined;
        const module = relative(root, found).replaceAll('\\', '/');
        const group = groupOf.get(module);
        const isDynamic = options.kind === 'dynamic-import';
        if (group !== undefined && (isDynamic || group !== from)) {
          return { path: `group:${group}:${nameIn(module)}`, external: true };
        }
        // All chunks are made together: esbuild itself knows where a chunk finds another.
        if (isDynamic && from !== undefined) return { path: `chunk:${module}`, external: true };
        return undefined;
      });
    },
  };
}

/** Puts in where the modules came to lie that other files hold. */
function link(code, chunkOf) {
  return code
    .replace(/\b__toESM\((require\("(?:group|chunk):[^"]+"\))(?:, ?1)?\)/g, '$1')
    .replace(/\brequire\("group:([^":]+):(\w+)"\)/g, 'require("./$1").$2')
    .replace(/\brequire\("chunk:([^"]+)"\)/g, (_, path) => `require("./${chunkOf.get(path)}")`)
    .replace(/\brequire\("late:([^"]+)"\)/g, 'require.late("$1")');
}

/**
 * The start of the program, a file by itself: nothing else is loaded before it has set up how.
 * @param hash names the code of the rest
 */
async function writeStart(outdir, common, hash) {
  const outfile = join(outdir, 'cli.cjs');
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    ...common,
    outfile,
    format: 'cjs',
    entryPoints: ['src/cli/main.ts'],
    define: {
      GITSTORE_BUILD: JSON.stringify(hash),
      GITSTORE_START: JSON.stringify(nameIn('src/cli/run.ts')),
      'import.meta.dirname': '__dirname',
    },
  });
  chmodSync(outfile, 0o755);
}

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
