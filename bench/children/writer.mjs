/**
 * writer.mjs STORE PREFIX COUNT: COUNT one-file commits, all from the snapshot that main is at in the
 * beginning, to files named `PREFIX/N`. Begins when it gets a line, and prints one before and one after.
 */
import { once } from 'node:events';
import { library } from '../lib/build.mjs';

const [path, prefix, count] = process.argv.slice(2);
const { GitStore } = await import(library);
const store = await GitStore.open(path, {
  create: false,
  durability: 'fast',
  staleWrites: 'merge',
});
const held = await store.branches.get('main');
console.log('ready');
await once(process.stdin, 'data');
for (let i = 0; i < Number(count); i++) await held.writeText(`${prefix}/${i}`, `${prefix} ${i}`);
console.log('done');
await store.close();
process.exit();
