/** Where the built program lies, and a check that it is the one of these sources. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = dirname(dirname(import.meta.dirname));
export const cli = join(root, 'dist', 'cli.cjs');
export const library = pathToFileURL(join(root, 'dist', 'index.js')).href;
export const children = join(root, 'bench', 'children');

/** Ends the process when dist/ is missing or older than a source file. */
export function checkBuild() {
  if (!existsSync(cli)) stop('dist/ is missing');
  const built = statSync(cli).mtimeMs;
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && statSync(file).mtimeMs > built) stop(`${file} is newer than dist/`);
  }
}

function stop(reason) {
  console.error(`${reason}: run npm run build first`);
  process.exit(2);
}
