/**
 * person.mjs FOLDER SEED STOP: edits files in a folder until the file STOP exists, as a person does beside a
 * program: in place, by a rename, deletes, files where folders were. Each text is unique. Then prints as
 * JSON `replaced`, the texts that somebody else has replaced before the next edit of their path; `last`,
 * the last text by path; and `ignored`, the same of the files *.log, which only this process writes.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder, seed, stop] = process.argv.slice(2);
const NAMES = ['a', 'b', 'd/a', 'd/b', 'd/e/f', 'e', 'e/x', 'e/x/y', 'ü', 'log/z.log', 'z.log'];

let state = Number(seed) | 1;
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return (state >>> 0) / 2 ** 32;
}

const last = new Map();
const replaced = [];
let edits = 0;

function textAt(path) {
  try {
    return readFileSync(join(folder, path), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(error.code)) return undefined;
    throw error;
  }
}

/** Before a path, or all below it, is overwritten: what is there may not be what was written last. */
function look(path) {
  for (const [other, text] of last) {
    if (other !== path && !other.startsWith(`${path}/`) && !path.startsWith(`${other}/`)) continue;
    if (textAt(other) !== text) replaced.push({ path: other, text });
    last.delete(other);
  }
}

/** Removes what is at a path, unless an ignored file is below it. */
function clear(path) {
  const at = join(folder, path);
  const names = () => readdirSync(at, { recursive: true });
  try {
    if (names().some((name) => name.endsWith('.log'))) return false;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(error.code)) throw error;
  }
  rmSync(at, { recursive: true, force: true });
  return true;
}

function edit() {
  const path = NAMES[Math.floor(random() * NAMES.length)];
  const at = join(folder, path);
  const kind = random();
  const text = `${edits++} ${'x'.repeat(Math.floor(random() * 40))}`;
  look(path);
  for (let above = dirname(path); above !== '.'; above = dirname(above)) {
    if (textAt(above) !== undefined) clear(above);
  }
  if (kind < 0.2) {
    if (!path.endsWith('.log')) clear(path);
    else last.set(path, textAt(path));
    return;
  }
  mkdirSync(dirname(at), { recursive: true });
  if (textAt(path) === undefined && !clear(path)) return;
  if (kind < 0.6) {
    writeFileSync(at, text);
  } else {
    writeFileSync(`${at}.swap.log`, text);
    renameSync(`${at}.swap.log`, at);
  }
  // A write into a file that a rewind replaces in this moment ends nowhere.
  if (textAt(path) === text) last.set(path, text);
}

while (!existsSync(stop)) {
  try {
    edit();
  } catch (error) {
    // A rewind has put something else there meanwhile.
    if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY'].includes(error.code)) throw error;
  }
  await sleep(random() * 6);
}
for (const path of [...last.keys()]) {
  const text = last.get(path);
  look(path);
  if (textAt(path) === text) last.set(path, text);
}
const isIgnored = ([path]) => path.endsWith('.log');
const all = [...last].filter(([, text]) => text !== undefined);
console.log(
  JSON.stringify({
    edits,
    replaced: replaced.filter(({ text }) => text !== undefined),
    last: Object.fromEntries(all.filter((entry) => !isIgnored(entry))),
    ignored: Object.fromEntries(all.filter(isIgnored)),
  }),
);
