/** `copy-from-ref.mjs STORE RUNS`: prints the times of copies of `source` to new places, in ms. */
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const [path, runs] = process.argv.slice(2);
const store = await GitStore.open(path);
const main = await store.branches.get('main');
let fs = main;
// Until the trees are cached and the code is compiled.
for (let i = 0; i < 3; i++) fs = await fs.copyFromRef('main', 'source', `warm-up${i}`);
const ms = [];
for (let i = 0; i < Number(runs); i++) {
  const start = process.hrtime.bigint();
  fs = await fs.copyFromRef('main', 'source', `copy${i}`);
  ms.push(Number(process.hrtime.bigint() - start) / 1e6);
  if (fs.changes.add.length !== 100_000) throw new Error(`${fs.changes.add.length} files added`);
}
await store.close();
console.log(JSON.stringify({ ms }));
