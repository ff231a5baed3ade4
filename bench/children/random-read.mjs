// random-read.mjs STORE PATHS.json AT_A_TIME [FOLDER]: reads all paths in that order, so many at a time,
// the time as JSON. With FOLDER nothing is timed; every file is compared with the one on disk.
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { library } from '../lib/build.mjs';

const { GitStore } = await import(library);
const [path, list, count, folder] = process.argv.slice(2);
const atATime = Number(count);
const paths = JSON.parse(readFileSync(list, 'utf8'));

const start = performance.now();
const store = await GitStore.open(path, { create: false });
const fs = await store.branches.get('main');
let bytes = 0;
let wrong = 0;
for (let at = 0; at < paths.length; at += atATime) {
  const portion = paths.slice(at, at + atATime);
  const contents = await Promise.all(portion.map((file) => fs.read(file)));
  for (const [i, data] of contents.entries()) {
    bytes += data.length;
    if (folder !== undefined && !onDisk(join(folder, portion[i])).equals(data)) wrong++;
  }
}
const ms = performance.now() - start;
await store.close();
console.log(JSON.stringify({ ms, bytes, wrong }));

function onDisk(file) {
  return lstatSync(file).isSymbolicLink() ? Buffer.from(readlinkSync(file)) : readFileSync(file);
}
