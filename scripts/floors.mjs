/** Fails when a file of src/ imports from a folder above its own in the list of CONTRIBUTING.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

const root = new URL('../', import.meta.url);

/** The folders from the top down; `src/store/` and `src/store/read/` each have a place in the list. */
const floors = [];
let folder = '';
for (const line of readFileSync(new URL('CONTRIBUTING.md', root), 'utf8').split('\n')) {
  const [, indent, name] = /^ {4}( {2})?([\w/]+\/) +\S/.exec(line) ?? [];
  if (name === undefined || (folder === '' && !name.startsWith('src/'))) continue;
  if (indent === undefined) folder = name;
  floors.push(indent === undefined ? folder : folder + name);
}

/** The longest folder of the list that holds the file. */
function floorOf(path) {
  const holding = floors.filter((floor) => path.startsWith(floor));
  return holding.sort((a, b) => b.length - a.length)[0];
}

/** Folders in which the files beside the rooms are not ranked: a facade above them, or what they share. */
function isRanked(from, to) {
  return !from.startsWith(to) && !to.startsWith(from);
}

let found = 0;
for (const name of readdirSync(new URL('src/', root), { recursive: true })) {
  if (!name.endsWith('.ts')) continue;
  const path = `src/${name.replaceAll('\\', '/')}`;
  const text = readFileSync(new URL(path, root), 'utf8');
  for (const [, given] of text.matchAll(/(?:\bfrom|\bimport\(|^import) ?'(\.[^']+)'/gm)) {
    const target = posix.join(posix.dirname(path), given);
    const [from, to] = [floorOf(path), floorOf(target)];
    if (from === undefined || to === undefined || !isRanked(from, to)) continue;
    if (floors.indexOf(to) > floors.indexOf(from)) continue;
    found++;
    console.error(`${path} imports ${target}, from a folder above its own`);
  }
}
if (found > 0) {
  console.error('See "Where a line belongs" in CONTRIBUTING.md.');
  process.exitCode = 1;
}
