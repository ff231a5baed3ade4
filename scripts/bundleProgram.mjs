/**
 * How the command line is bundled: as CommonJS, which Node loads in one go and without its loader for
 * ES modules, in few files, and so that a command loads little beyond what it needs.
 *
 * Three kinds of files come out, all but the first in a folder that is named by what is in it, so that
 * a program that runs while another version is installed in its place never loads a part of that one:
 * - `cli.cjs`, the start, which sets up the loading of all others;
 * - *groups*, many modules in one scope, so that a call from one to another is a plain call. The first
 *   one every command needs; another is loaded when something of it is first used;
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

/**
 * The groups, and the modules from which each is gathered: with all they import, less what earlier
 * groups hold and less what is named for another group here. A folder (`…/`) stands for all in it that no
 * group above has.
 */
const GROUPS = {
  // What every command does: parses its arguments, opens a store, finds a ref, a path and an object.
  core: ['src/cli/run.ts', 'src/cli/commands/cat.ts'],
  // What goes back in history.
  past: [
    'src/storage/shortcuts/commitGraphFiles.ts',
    'src/storage/shortcuts/treeProbe.ts',
    'src/store/history/history.ts',
    'src/store/history/log.ts',
  ],
  // What reads more than a file or two.
  read: [
    'src/cli/output/json.ts',
    'src/cli/arguments/sources.ts',
    'src/git/packs/multiPackIndex.ts',
    'src/git/packs/packOrder.ts',
    'src/git/textEncoding.ts',
    'src/storage/packs/reading/bulkRead.ts',
    'src/storage/packs/reading/inflatePool.ts',
    'src/storage/shortcuts/packReach.ts',
    'src/storage/disk/zlibFile.ts',
    'src/store/read/diff.ts',
    'src/tree/notesTree.ts',
    'src/tree/glob.ts',
    'src/tree/walk.ts',
  ],
  // What writes to a store.
  write: [
    'src/cli/actions/commit.ts',
    'src/storage/bare/create.ts',
    'src/zlib/deflatePool.ts',
    'src/storage/bare/locks/holderLink.ts',
    'src/storage/bare/locks/kernelLock.ts',
    'src/storage/bare/locks/lockRecord.ts',
    'src/storage/bare/objects/objectWriter.ts',
    'src/storage/bare/objects/packExport.ts',
    'src/storage/bare/refs/files/pendingFile.ts',
    'src/storage/bare/refs/files/reflogFile.ts',
    'src/storage/bare/refs/change/refRecovery.ts',
    'src/storage/bare/refs/change/refTransaction.ts',
    'src/storage/bare/repack/upkeepConfig.ts',
    'src/store/commit/append.ts',
    'src/store/apply.ts',
    'src/store/batch.ts',
    'src/store/commit/commit.ts',
    'src/store/write/copy.ts',
    'src/store/commit/emptyCommit.ts',
    'src/store/write/move.ts',
    'src/store/retriedWrites.ts',
    'src/store/commit/retry.ts',
    'src/store/update.ts',
    'src/store/write/write.ts',
    'src/store/writer.ts',
  ],
  // What copies between disk and store need besides.
  copy: [
    'src/cli/commands/cp.ts',
    'src/cli/commands/sync.ts',
    'src/transfer/in/copyIn.ts',
    'src/transfer/out/copyOut.ts',
  ],
  // All the rest, by its folder.
  transfer: ['src/transfer/'],
  terminal: ['src/cli/output/json.ts', 'src/cli/interruption.ts', 'src/platform.ts', 'src/cli/'],
  shared: ['src/git/', 'src/graph/', 'src/storage/', 'src/threads/', 'src/tree/', 'src/zlib/'],
  history: ['src/merge/', 'src/store/', 'src/workspace/'],
  upkeep: [
    'src/maintenance/',
    'src/storage/bare/inventory/',
    'src/storage/bare/repack/',
    'src/storage/bare/check/',
  ],
  remote: ['src/remote/'],
  archives: ['src/archive/'],
  server: ['src/server/'],
  // With the libraries that colour and render texts: most answers need none of it.
  pages: ['src/server/pages/'],
  bucket: ['src/storage/bucket/'],
  // With what its packages load late.
  s3: ['src/storage/bucket/s3/'],
};

/** Modules that stay by themselves: a command needs no other one. */
const BY_ITSELF = /^(src\/cli\/commands\/|node_modules\/(?!@aws|@smithy))/;

/** Parts of Node that many modules import and few runs use, 1 to 2 ms each: loaded when first used. */
const LATE = [
  'node:child_process',
  'node:crypto',
  'node:diagnostics_channel',
  'node:fs/promises',
  'node:module',
  'node:os',
  'node:stream',
  'node:timers/promises',
  'node:url',
  'node:worker_threads',
  'node:zlib',
];

const OBJECT_STORAGE = /[/\\]node_modules[/\\](?:@aws[^/\\]*|@smithy|aws4|fast-xml-parser)[/\\]/;

/** An `import()` becomes a `require` in a promise. */
const REQUIRE_ONLY = { 'dynamic-import': false };

/**
 * Writes `cli.cjs` and all it loads.
 * @param common options of esbuild; with the `stamp` of the sources, which module in src/cli/start is the
 *   `start`, and `texts`: pairs of a place and the code that comes to be there, after all is linked
 * @returns the paths of the sources in it
 */
export async function bundleProgram(outdir, common) {
  const root = common.absWorkingDir;
  const {
    stamp: _,
    start: __,
    texts: ___,
    ...options
  } = {
    ...common,
    outdir,
    plugins: [withoutChildProcess],
    write: false,
  };
  const imports = await importsOf('src/cli/run.ts', options);
  const groupOf = groupModules(imports);
  const isImportedByOthers = importedByOthers(imports, groupOf);
  const linked = (from) => linkingPlugin(root, groupOf, from);

  const files = new Map();
  for (const [group, modules] of modulesByGroup(groupOf)) {
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
      plugins: [withoutChildProcess, linked(group)],
    });
    files.set(`${group}.cjs`, withLateExports(outputFiles[0].text));
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

  const texts = new Map();
  const hash = createHash('sha256');
  for (const [file, code] of files) {
    // As a function, so that the loader need not make another text of it.
    const linked = common.texts.reduce(
      (all, [place, text]) => all.replaceAll(place, () => text),
      link(code, chunkOf),
    );
    const text = `(function(exports,require,module,__filename){${linked}\n})`;
    texts.set(file, text);
    hash.update(text);
  }
  const name = hash.digest('hex').slice(0, 16);
  const folder = `cli-${name}`;
  mkdirSync(join(outdir, folder), { recursive: true });
  for (const [file, text] of texts) writeFileSync(join(outdir, folder, file), text);
  await writeStart(outdir, common, { name, folder });
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
  const named = new Map();
  const folders = [];
  for (const [group, entries] of Object.entries(GROUPS)) {
    for (const entry of entries) {
      if (entry.endsWith('/')) folders.push([entry, group]);
      else if (imports.has(entry)) named.set(entry, group);
      else throw new Error(`${entry} is no part of the program`);
    }
  }
  const gather = (path, group) => {
    if (groupOf.has(path) || (named.get(path) ?? group) !== group) return;
    groupOf.set(path, group);
    for (const { path: imported, kind } of imports.get(path)) {
      // What packages load late comes along.
      if (kind !== 'dynamic-import' || path.includes('node_modules/')) gather(imported, group);
    }
  };
  for (const [path, group] of named) gather(path, group);
  // The deepest folder decides.
  folders.sort(([a], [b]) => b.length - a.length);
  for (const path of imports.keys()) {
    if (groupOf.has(path) || BY_ITSELF.test(path)) continue;
    const folder = folders.find(([name]) => path.startsWith(name));
    if (folder !== undefined) named.set(path, folder[1]);
  }
  for (const [path, group] of named) gather(path, group);
  return groupOf;
}

function modulesByGroup(groupOf) {
  return Object.keys(GROUPS).map((name) => [
    name,
    [...groupOf].filter(([, group]) => group === name).map(([path]) => path),
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
        // Packages of object storage load parts of Node in forms of their own, when they are loaded.
        if (LATE.includes(path) && !OBJECT_STORAGE.test(options.importer)) {
          return { path: `late:${path}`, external: true };
        }
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

/**
 * Makes the exports of a group's modules when another file asks for them, which it does when all of
 * the group is there. esbuild makes a function for each, so that the modules of a circle see each other
 * in time: they take longer to make than much of a command's work, and half of its compile cache.
 */
function withLateExports(code) {
  const exportsOf = new Map();
  const exported = /\b__export\((\w+),\s*\{([^{}]*)\}\);/g;
  for (const [, name, getters] of code.matchAll(exported)) {
    exportsOf.set(name, getters.replaceAll(/\(\) ?=> ?/g, ''));
  }
  const group = /\bmodule\.exports\s*=\s*__toCommonJS\((\w+)\);/.exec(code);
  const modules = [...(exportsOf.get(group?.[1]) ?? '').matchAll(/(\w+):\s*(\w+)/g)];
  // Those that a package imports as objects (`import * as`) stay as they are.
  const late = new Set([group?.[1], ...modules.map(([, , name]) => name)]);
  const body = code
    .replace(group?.[0], '')
    .replace(exported, (found, name) => (late.has(name) ? '' : found))
    .replace(/\b0\s*&&\s*\(module\.exports\s*=\s*\{[^{}]*\}\);?\s*$/, '');
  const isKnown = ([, , name]) =>
    exportsOf.has(name) && [...body.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length === 1;
  if (modules.length === 0 || !modules.every(isKnown)) {
    throw new Error('esbuild writes exports in another way');
  }
  const getters = modules.map(([, key, name]) => `get ${key}(){return{${exportsOf.get(name)}}}`);
  return `${body};module.exports={${getters.join()}};`;
}

/**
 * Puts in where the modules came to lie that other files hold, and how they are loaded: those of the
 * first group at once, as they are there already; those of other groups and `LATE` ones where
 * something of them is used; what was an `import()` where that stands.
 */
function link(code, chunkOf) {
  const [first] = Object.keys(GROUPS);
  const lateNames = new Set();
  const linked = code
    .replace(/\b__toESM\((require\("(?:group|chunk):[^"]+"\))(?:, ?1)?\)/g, '$1')
    .replace(/\brequire\("chunk:([^"]+)"\)/g, (_, path) => `require("./${chunkOf.get(path)}")`)
    .replace(
      /\b(\w+) ?= ?require\("(?:group:(?<group>\w+):(?<module>\w+)|late:(?<builtin>[^"]+))"\)/g,
      (found, name, ...rest) => {
        const { group, module, builtin } = rest.at(-1);
        if (group === first) return found;
        lateNames.add(name);
        return builtin !== undefined
          ? `${name}=require.late("${builtin}")`
          : `${name}=require.late("./${group}.cjs","${module}")`;
      },
    )
    .replace(/\brequire\("group:(\w+):(\w+)"\)/g, 'require("./$1.cjs").$2')
    // A whole module as an object (`import * as`).
    .replace(/\brequire\("late:([^"]+)"\)/g, 'require("$1")');
  const left = /"(?:group|chunk|late):[^"]*"/.exec(linked);
  if (left !== null) throw new Error(`${left[0]} is not linked`);
  if (lateNames.size === 0) return linked;
  const uses = new RegExp(`(?<![\\w$.])(${[...lateNames].join('|')})(?=\\.)`, 'g');
  return linked.replace(uses, '($1())');
}

/**
 * The start of the program, a file by itself: nothing else is loaded before it has set up how.
 * @param name of the code of the rest
 * @param folder where the rest is
 */
async function writeStart(
  outdir,
  { stamp, start = 'main', texts: _, ...common },
  { name, folder },
) {
  const outfile = join(outdir, 'cli.cjs');
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    ...common,
    outfile,
    format: 'cjs',
    entryPoints: [`src/cli/start/${start}.ts`],
    // By it the library knows the program of its own build.
    banner: { js: programMark(stamp) },
    define: {
      GITSTORE_BUILD: JSON.stringify(name),
      GITSTORE_FOLDER: JSON.stringify(folder),
      GITSTORE_START: JSON.stringify(nameIn('src/cli/run.ts')),
      'import.meta.dirname': '__dirname',
      'import.meta.url': '__filename',
    },
  });
  chmodSync(outfile, 0o755);
}

/** The line behind `#!` in the start of the program. `src/maintenance/auto.ts` looks for it. */
function programMark(stamp) {
  return `/* gitstore program ${stamp} */`;
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
