// commits.mjs STORE DURABILITY COUNT: one-file commits in a loop, the loop's time as JSON.
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const [path, durability, count] = process.argv.slice(2);

const store = await GitStore.open(path, { durability });
let fs = await store.branches.get('main');
fs = await fs.batch({}, async (batch) => {
  for (let i = 0; i < 100; i++) await batch.write(`dir${i % 10}/file${i}`, 'before\n');
});
const base = fs.commitHash;

const start = performance.now();
for (let i = 0; i < Number(count); i++) {
  fs = await fs.write(`dir${i % 10}/file${i % 100}`, `value ${i}\n`);
}
const seconds = (performance.now() - start) / 1000;

await store.close();
console.log(JSON.stringify({ seconds, base }));
