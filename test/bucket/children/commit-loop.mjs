/**
 * commit-loop.mjs LIBRARY STORE BRANCH PREFIX COUNT: COUNT one-file commits through store.update. Prints
 * each commit's hash once the call has returned.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [library, location, branch, prefix, count] = process.argv.slice(2);
const { GitStore } = await import(pathToFileURL(library).href);

const store = await GitStore.open(location, { create: false });
for (let i = 0; i < Number(count); i++) {
  const path = `${prefix}/${i}`;
  const fs = await store.update(branch, (tip) => tip.write(path, `${path}\n`));
  writeSync(1, `${fs.commitHash}\n`);
}
await store.close();
