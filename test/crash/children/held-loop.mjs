/**
 * held-loop.mjs LIBRARY STORE BRANCH PREFIX COUNT: COUNT one-file commits, all from the snapshot that the
 * branch stands at in the beginning, the files named `<PREFIX>/<i>`. Prints as commit-loop.mjs does.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [library, path, branch, prefix, count] = process.argv.slice(2);
const { GitStore } = await import(pathToFileURL(library).href);

const store = await GitStore.open(path, { create: false, staleWrites: 'merge' });
const held = await store.branches.get(branch);
writeSync(1, 'ready\n');
for (let i = 0; i < Number(count); i++) {
  const fs = await held.write(`${prefix}/${i}`, `${prefix} ${i}\n`);
  writeSync(1, `${fs.commitHash}\n`);
}
await store.close();
