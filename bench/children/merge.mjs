// merge.mjs STORE: merges branch b into a copy of branch a, the time in milliseconds as JSON.

import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const path = process.argv[2];

async function merge() {
  // Opened anew each time, so that nothing of the store is in memory.
  const store = await GitStore.open(path, { create: false, durability: 'fast' });
  const ours = await store.branches.set('into', await store.fs('a'));
  const start = performance.now();
  const merged = await ours.merge('b');
  const ms = performance.now() - start;
  await store.close();
  return { ms, tree: merged.treeHash };
}

// The first merges of a process compile the code; a program that merges has done so before.
for (let i = 0; i < 3; i++) await merge();
console.log(JSON.stringify(await merge()));
