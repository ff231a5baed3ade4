// commits-in-tree.mjs STORE DIRECTORIES COMMITS SEED: one-file commits into directories taken in
// random order, the loop's time as JSON.

import { library } from '../lib/build.mjs';
import { shuffled } from '../lib/input.mjs';

const { GitStore } = await import(library);
const [path, directories, commits, seed] = process.argv.slice(2);

const store = await GitStore.open(path, { create: false, durability: 'fast' });
const order = shuffled([...Array(Number(directories)).keys()], Number(seed));
let fs = await store.branches.get('main');

const start = performance.now();
for (let i = 0; i < Number(commits); i++) {
  const directory = order[i % order.length];
  fs = await fs.write(`dir${directory}/file${1 + (i % 1000)}`, `seed ${seed} value ${i}\n`);
}
const seconds = (performance.now() - start) / 1000;

await store.close();
console.log(JSON.stringify({ seconds }));
