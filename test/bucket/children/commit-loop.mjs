/**
 * commit-loop.mjs LIBRARY STORE BRANCH PREFIX COUNT: COUNT one-file commits through store.update; `20s`: as
 * many as 20 seconds allow. Prints each commit's hash once the call has returned. One of which it is not
 * known whether it has come about is not repeated.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [library, location, branch, prefix, count] = process.argv.slice(2);
const { GitStore, OutcomeUnknownError } = await import(pathToFileURL(library).href);

const store = await GitStore.open(location, { create: false });
const end = count.endsWith('s') ? performance.now() + Number.parseInt(count, 10) * 1000 : undefined;
const goesOn = (i) => (end === undefined ? i < Number(count) : performance.now() < end);
for (let i = 0; goesOn(i); i++) {
  const path = `${prefix}/${i}`;
  try {
    const fs = await store.update(branch, (tip) => tip.write(path, `${path}\n`));
    writeSync(1, `${fs.commitHash}\n`);
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) throw error;
  }
}
await store.close();
