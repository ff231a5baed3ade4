/** Writes the manual page, from the texts of `--help`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { assembled } from './bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param file where the page goes */
export async function writeManual(file) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Beside node_modules, where it finds the native dependency.
  const folder = mkdtempSync(join(root, 'node_modules', '.manual-'));
  const script = join(folder, 'manual.mjs');
  try {
    await build({
      absWorkingDir: root,
      stdin: {
        contents: `import { manualPage } from './src/cli/manual.ts';
          process.stdout.write(await manualPage(${JSON.stringify(version)}, process.argv[2]));`,
        resolveDir: root,
      },
      outfile: script,
      bundle: true,
      platform: 'node',
      target: 'node20.19',
      format: 'esm',
      external: ['fs-native-extensions'],
      define: { ...(await assembled()), GITSTORE_VERSION: JSON.stringify(version) },
      banner: {
        js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
      },
      logLevel: 'warning',
    });
    writeFileSync(file, execFileSync(process.execPath, [script, today()]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The day of the build; SOURCE_DATE_EPOCH makes it that of the sources. */
function today() {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return new Date(epoch ? Number(epoch) * 1000 : Date.now()).toISOString().slice(0, 10);
}
