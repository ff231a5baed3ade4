/**
 * writer.mjs STORE FIRST FOLDERS COUNT: COUNT one-file commits to each of the folders `writer-FIRST` and so on,
 * by turns, all from the snapshot that main is at in the beginning. Begins when it gets a line, and prints
 * one before and one after.
 */
import { once } from 'node:events';
import { library } from '../lib/build.mjs';

const [path, ...numbers] = process.argv.slice(2);
const [first, folders, count] = numbers.map(Number);
const { GitStore } = await import(library);
const store = await GitStore.open(path, {
  create: false,
  durability: 'fast',
  staleWrites: 'merge',
});
const held = await store.branches.get('main');
console.log('ready');
await once(process.stdin, 'data');
for (let i = 0; i < count; i++) {
  for (let folder = first; folder < first + folders; folder++) {
    await held.writeText(`writer-${folder}/${i}`, `${folder} ${i}`);
  }
}
console.log('done');
await store.close();
process.exit();
