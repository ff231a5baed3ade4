/**
 * The type declarations: those that a user can reach, in one file for each entry, with maps to the sources.
 * The sources that hold them come along, so that an editor finds the way from a call to the code.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import remapping from '@jridgewell/remapping';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

const ENTRIES = { index: 'index.d.ts', server: 'server/index.d.ts' };

/** What the declarations need beyond the language. One line each. */
const HEADS = {
  index: '/// <reference lib="esnext.disposable" />',
  server: '/// <reference types="node" />',
};

/** Writes `index.d.ts`, `server.d.ts`, both again for CommonJS (`.d.cts`), and `src/`. */
export async function bundleTypes(outdir, { root }) {
  mkdirSync(join(root, 'node_modules', '.cache'), { recursive: true });
  const types = mkdtempSync(join(root, 'node_modules', '.cache', 'types-'));
  try {
    compile(root, types);
    for (const name of Object.keys(ENTRIES)) await roll(name, types, outdir);
    const sources = new Set();
    for (const name of Object.keys(ENTRIES)) {
      for (const source of finish(name, { root, outdir })) sources.add(source);
    }
    for (const source of sources) cpSync(join(root, source), join(outdir, source));
  } finally {
    rmSync(types, { recursive: true, force: true });
  }
}

/** One file of declarations for each source. */
function compile(root, outDir) {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const tsc = join(dirname(manifest), 'bin', 'tsc');
  const config = join(root, 'tsconfig.types.json');
  execFileSync(process.execPath, [tsc, '-p', config, '--outDir', outDir], { stdio: 'inherit' });
}

/** All declarations that an entry leads to in one file; of `index` the others take what they need. */
async function roll(name, types, outdir) {
  const others = {
    name: 'others',
    resolveId: {
      order: 'pre',
      handler(id, importer) {
        if (importer === undefined || name === 'index' || id.startsWith('node:')) return null;
        const isOwn = resolve(dirname(importer), id).startsWith(join(types, name) + sep);
        return isOwn ? null : { id: './index.js', external: true };
      },
    },
  };
  const bundle = await rolldown({
    input: { [name]: join(types, ENTRIES[name]) },
    external: [/^node:/],
    checks: { pluginTimings: false },
    plugins: [others, dts({ dtsInput: true, oxc: true, tsconfig: false, sourcemap: true })],
  });
  await bundle.write({ dir: outdir, format: 'es', sourcemap: true });
  await bundle.close();
}

/**
 * Lets the map lead to the sources, which are copied to beside it, and makes the declarations for CommonJS.
 * @returns the sources
 */
function finish(name, { root, outdir }) {
  const file = join(outdir, `${name}.d.ts`);
  const map = remapping(readFileSync(`${file}.map`, 'utf8'), (path, context) => {
    const declarations = `${resolve(outdir, path)}.map`;
    if (!path.endsWith('.d.ts') || !existsSync(declarations)) return null;
    context.content = null;
    return JSON.parse(readFileSync(declarations, 'utf8'));
  });
  const sources = map.sources.map((source) => relative(root, resolve(outdir, source)));
  map.sources = sources.map((source) => source.replaceAll('\\', '/'));
  map.mappings = `;${map.mappings}`;
  delete map.sourcesContent;
  writeFileSync(`${file}.map`, JSON.stringify(map));
  const text = readFileSync(file, 'utf8')
    // Where a declaration was found; a line stays, so that the map holds.
    .replace(/^\/\/ node_modules.*$/gm, '')
    .replace(/^\/\/# sourceMappingURL/m, '\n$&');
  const declared = `${HEADS[name]}\n${text}`;
  writeFileSync(file, declared);
  writeFileSync(
    join(outdir, `${name}.d.cts`),
    declared.replace(/(from ['"]\.\/\w+)\.js/g, '$1.cjs'),
  );
  return sources;
}
