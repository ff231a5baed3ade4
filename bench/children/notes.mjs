/**
 * notes.mjs STORE: puts a note on every commit named in stdin's lines in one batch, opens the store
 * again and reads all of them back one by one. Prints { count, writeMs, readMs, listMs, wrong }.
 */
import { readFileSync } from 'node:fs';
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const [, , path, list] = process.argv;
const ids = readFileSync(list, 'utf8').trim().split('\n');
const textOf = (id) => `checked ${id.slice(0, 12)} by nobody`;

let start = performance.now();
let store = await GitStore.open(path, { create: false });
await store.notes.commits.batch(async (batch) => {
  for (const id of ids) await batch.set(id, textOf(id));
});
await store.close();
const writeMs = performance.now() - start;

store = await GitStore.open(path, { create: false });
const notes = store.notes.commits;
let wrong = 0;
start = performance.now();
for (const id of ids) if ((await notes.get(id)) !== textOf(id)) wrong += 1;
const readMs = performance.now() - start;
await store.close();

store = await GitStore.open(path, { create: false });
start = performance.now();
let listed = 0;
for await (const [id, text] of store.notes.commits) {
  listed += 1;
  if (text !== textOf(id)) wrong += 1;
}
const listMs = performance.now() - start;
await store.close();
wrong += Math.abs(listed - ids.length);
console.log(JSON.stringify({ count: ids.length, writeMs, readMs, listMs, wrong }));
