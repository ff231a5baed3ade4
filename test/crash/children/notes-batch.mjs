/** notes-batch.mjs LIBRARY STORE TEXT: one batch of notes on the last ten commits of main. */
import { pathToFileURL } from 'node:url';

const [library, path, text] = process.argv.slice(2);
const { GitStore } = await import(pathToFileURL(library).href);

const store = await GitStore.open(path, { create: false });
await store.notes.commits.batch(async (notes) => {
  let commits = 0;
  for await (const fs of (await store.branches.get('main')).log()) {
    await notes.set(fs, text);
    if (++commits === 10) break;
  }
});
await store.close();
