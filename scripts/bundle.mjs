/**
 * How the sources become JavaScript: the library entry, and the command line with one chunk a
 * command, so that `cat` loads only what `cat` needs. Used by the build and by the tests that run
 * the program in a process of its own.
 */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Writes `index.js`, `cli.js`, their chunks and the licenses of bundled packages into `outdir`. */
export async function bundle(outdir) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: 'src/index.ts', cli: 'src/cli/main.ts' },
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    splitting: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    external: ['fs-native-extensions'],
    define: { GITSTORE_VERSION: JSON.stringify(version) },
    chunkNames: 'chunks/[name]-[hash]',
    // Bundled CommonJS parts (commander, ignore) call require for Node's own modules.
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    },
  });
  chmodSync(join(outdir, 'cli.js'), 0o755);
  writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES.txt'), licenses(Object.keys(metafile.inputs)));
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
