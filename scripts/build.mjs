// Builds dist/: the bundled library and command line, the type declarations, and the manual page.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';
import { bundleTypes } from './bundleTypes.mjs';
import { writeManual } from './manual.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });
await bundle(join(root, 'dist'));
await bundleTypes(join(root, 'dist'), { root });
await writeManual(join(root, 'dist', 'gitstore.1'));
