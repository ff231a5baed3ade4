/**
 * How the sources become JavaScript: the library entry, and the command line with one chunk a
 * command, so that `cat` loads only what `cat` needs. Used by the build and by the tests that run
 * the program in a process of its own.
 */
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Writes `index.js`, `cli.js` and their chunks into `outdir`. */
export async function bundle(outdir) {
  await build({
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
    external: ['fs-native-extensions'],
    chunkNames: 'chunks/[name]-[hash]',
    // Bundled CommonJS parts (commander, ignore) call require for Node's own modules.
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    },
  });
  chmodSync(join(outdir, 'cli.js'), 0o755);
}
