// range-read.mjs STORE FILE OFFSET SIZE: opens the store, reads that range of the file of the same
// name, compares it with the one on disk; the time as JSON.
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const [path, file, offset, size] = process.argv.slice(2);
const range = { offset: Number(offset), size: Number(size) };

const start = performance.now();
const store = await GitStore.open(path, { create: false });
const fs = await store.branches.get('main');
const data = await fs.read(basename(file), range);
const ms = performance.now() - start;
await store.close();

const expected = Buffer.alloc(range.size);
const handle = openSync(file, 'r');
readSync(handle, expected, 0, range.size, range.offset);
closeSync(handle);
if (!expected.equals(data)) throw new Error(`wrong bytes at ${offset}`);
console.log(JSON.stringify({ ms }));
