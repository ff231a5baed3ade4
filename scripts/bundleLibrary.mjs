/**
 * How the library is bundled: ES modules that can be read (names and line ends as in the sources, with
 * source maps), in few files. All that `import 'gitstore'` loads at once is one of them; what is loaded
 * when it is first used is one file for each part of the house.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const ENTRIES = { index: 'src/index.ts', server: 'src/server/index.ts' };

/** Half a megabyte that few need. */
const APART = [[/[/\\]node_modules[/\\]@hpcc-js[/\\]/, 'zstd']];

/** Where what is loaded late belongs, by the path below src/; the first that fits. */
const PARTS = [
  [/^storage\/bucket\/s3\//, 's3'],
  [/^storage\/bucket\//, 'bucket'],
  [/^(maintenance|storage\/bare\/(inventory|repack|check))\//, 'upkeep'],
  [/^(archive\/|store\/archive)/, 'archives'],
  [/^server\/pages\/(?!pageAnswers)/, 'pages'],
  [/^(remote|server|transfer)\//, undefined],
  [/^(merge|store|workspace)\//, 'history'],
  [/^/, 'storage'],
];

const REQUIRE = '(() => createRequire(import.meta.url))()';
const REQUIRE_OWN = `(name) => {
	const found = process.getBuiltinModule(name);
	if (found) return found;
	throw Object.assign(new Error(\`Cannot find module '\${name}'\`), { code: 'MODULE_NOT_FOUND' });
}`;

/**
 * Writes `index.js`, `server.js` and their chunks, and for CommonJS `index.cjs` and `server.cjs`, which
 * load the same modules.
 * @returns the paths of the sources in them
 */
export async function bundleLibrary(outdir, { root, target, define }) {
  const facade = (name) => `\0facade:${name}`;
  const bundle = await rolldown({
    cwd: root,
    platform: 'node',
    external: ['fs-native-extensions'],
    input: Object.fromEntries(Object.keys(ENTRIES).map((name) => [name, facade(name)])),
    preserveEntrySignatures: 'allow-extension',
    checks: { pluginTimings: false, ineffectiveDynamicImport: false },
    transform: { target, define },
    plugins: [
      {
        // What chunks take from each other is no part of what an entry exports.
        name: 'facades',
        resolveId: (id) => (id.startsWith('\0facade:') ? id : null),
        load: (id) =>
          id.startsWith('\0facade:')
            ? `export * from ${JSON.stringify(join(root, ENTRIES[id.slice(8)]))};`
            : null,
      },
      {
        // Bundled again as CommonJS there is no import.meta.url, and what is required is Node's own.
        name: 'require',
        renderChunk: (code) =>
          code.includes(REQUIRE)
            ? { code: code.replace(REQUIRE, REQUIRE_OWN), map: { mappings: '' } }
            : null,
      },
    ],
  });
  const partOf = parts(root);
  const { output } = await bundle.write({
    dir: outdir,
    format: 'es',
    sourcemap: true,
    minifyInternalExports: false,
    comments: { legal: false, annotation: false, jsdoc: false },
    chunkFileNames: 'chunks/[name]-[hash].js',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'parts', name: partOf }],
    },
  });
  await bundle.close();
  const chunks = output.filter(({ type }) => type === 'chunk');
  assertNoCircles(chunks);
  for (const { fileName } of output.filter(({ type }) => type === 'asset')) {
    slimMap(join(outdir, fileName));
  }
  for (const name of Object.keys(ENTRIES)) {
    writeFileSync(join(outdir, `${name}.cjs`), `module.exports = require('./${name}.js');\n`);
  }
  return chunks
    .flatMap(({ moduleIds }) => moduleIds)
    .filter((id) => !id.startsWith('\0'))
    .map((id) => relative(root, id).replaceAll('\\', '/'));
}

/** Gives for a module the name of the file that it comes to be in. */
function parts(root) {
  let first;
  return (id, context) => {
    first ??= closure(join(root, ENTRIES.index), context);
    if (id.startsWith('\0facade:')) return null;
    if (first.has(id)) return 'core';
    const apart = APART.find(([known]) => known.test(id));
    if (apart !== undefined) return apart[1];
    const owner = importerInSources(root, id, context);
    const path = relative(join(root, 'src'), owner).replaceAll('\\', '/');
    const [pattern, name] = PARTS.find(([known]) => known.test(path));
    return name ?? pattern.exec(path)[1];
  };
}

/** All that a module imports, and what that imports. */
function closure(entry, context) {
  const found = new Set();
  const gather = (id) => {
    if (found.has(id)) return;
    found.add(id);
    for (const imported of context.getModuleInfo(id)?.importedIds ?? []) gather(imported);
  };
  gather(entry);
  return found;
}

/** The module itself, or for one of a package the module of ours that has it loaded. */
function importerInSources(root, id, context) {
  const sources = join(root, 'src');
  const seen = new Set();
  let ring = [id];
  while (ring.length > 0) {
    const own = ring.filter((one) => one.startsWith(sources)).sort();
    if (own.length > 0) return own[0];
    for (const one of ring) seen.add(one);
    ring = ring
      .flatMap((one) => {
        const { importers, dynamicImporters } = context.getModuleInfo(one) ?? {};
        return [...(importers ?? []), ...(dynamicImporters ?? [])];
      })
      .filter((one) => !seen.has(one));
  }
  return id;
}

/** Of two files that import each other, one would run before what it needs. */
function assertNoCircles(chunks) {
  const imports = new Map(chunks.map(({ fileName, imports }) => [fileName, imports]));
  const done = new Set();
  const visit = (file, way) => {
    if (way.includes(file)) throw new Error(`Chunks in a circle: ${[...way, file].join(' > ')}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const { fileName } of chunks) visit(fileName, []);
}

/** Leaves the texts of packages out of a source map: they are to be had from the packages. */
function slimMap(path) {
  if (!path.endsWith('.map')) return;
  const map = JSON.parse(readFileSync(path, 'utf8'));
  map.sourcesContent = map.sources.map((source, i) =>
    source.includes('node_modules/') ? null : map.sourcesContent[i],
  );
  writeFileSync(path, JSON.stringify(map));
}
