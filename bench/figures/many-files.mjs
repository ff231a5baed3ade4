/**
 * The first cp of 200,000 small files, beside that of 20,000: time per file, and the memory it
 * takes. 1,000 files of 100 to 300 bytes a directory.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../lib/input.mjs';
import {
  assertEqual,
  memoryOfGitstore,
  output,
  pair,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 2.6;
export const name = 'many-files';
export const title = 'cp of 200,000 small files / of 20,000, time per file; memory';

const PER_DIRECTORY = 1000;

export async function run({ runs = 5 }, emit) {
  const many = smallFiles(200_000);
  const few = smallFiles(20_000);
  await withScratch(async (scratch) => {
    let n = 0;
    const perFile = (folder, files) => async () =>
      ((await timeGitstore(['-r', join(scratch, `${n++}.git`), 'cp', folder, ':'])) / files) * 1000;
    const measured = await pair(Math.min(runs, 3), perFile(many, 200_000), perFile(few, 20_000));
    const note = 'rival: the same of 20,000 files';
    emit(ratioRow('cp of 200,000 small files, time per file', measured, 'µs', 1.3, note));
    const store = join(scratch, 'memory.git');
    const { megabytes } = await memoryOfGitstore(['-r', store, 'cp', many, ':']);
    const listed = output('git', ['--git-dir', store, 'ls-tree', '-r', '--name-only', 'main']);
    assertEqual(listed.trim().split('\n').length, 200_000, 'files in the store');
    emit(limitRow('… resident memory', megabytes, ' MB', 600));
  });
}

/** A folder with so many files, kept in the cache. */
function smallFiles(count) {
  const folder = join(cacheFolder(), `small-${count}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.tmp`;
  for (let i = 0; i < count; i++) {
    const directory = join(making, `d${Math.floor(i / PER_DIRECTORY)}`);
    if (i % PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${i}`), `${i} `.repeat(15 + (i % 29)));
  }
  renameSync(making, folder);
  return folder;
}
