/**
 * commit-loop.mjs LIBRARY STORE BRANCH PREFIX COUNT [PAUSE]: COUNT one-file commits through
 * store.update, the files named `<PREFIX>/<i>`, with PAUSE milliseconds in between. Prints `ready` before
 * the first, and each commit's hash once the call has returned.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [library, path, branch, prefix, count, pause] = process.argv.slice(2);
const { GitStore } = await import(pathToFileURL(library).href);

const store = await GitStore.open(path, { create: false });
writeSync(1, 'ready\n');
for (let i = 0; i < Number(count); i++) {
  const fs = await store.update(branch, (tip) => tip.write(`${prefix}/${i}`, `${prefix} ${i}\n`));
  writeSync(1, `${fs.commitHash}\n`);
  if (pause !== undefined) await sleep(Number(pause));
}
await store.close();
