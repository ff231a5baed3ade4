/**
 * One-file commits in a tree of 1,000,000 files, 1,000 a directory, beside the same in a tree of
 * 1,000 files in one directory. Git makes both trees. Commit i writes into another directory, in
 * random order, so that in the big tree it is a directory nobody has opened yet.
 */
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import { checkFsck } from '../lib/check.mjs';
import { output, pair, runChild, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 7;
export const name = 'million';
export const title = 'one-file commit in 1,000,000 files / in 1,000 files';

const commits = 200;

export async function run({ runs = 5 }, emit) {
  await withScratch(async (scratch) => {
    const big = join(scratch, 'big.git');
    const small = join(scratch, 'small.git');
    await makeStore(big, 1000);
    await makeStore(small, 1);
    const script = join(children, 'commits-in-tree.mjs');
    let seed = 0;
    const measure = (store, directories) => () =>
      (runChild(script, [store, directories, commits, ++seed]).seconds / commits) * 1e6;
    const measured = await pair(runs, measure(big, 1000), measure(small, 1));
    checkFsck(big);
    checkFsck(small);
    const note = 'rival: the same in a store of 1,000 files';
    emit(ratioRow('one-file commit in 1,000,000 files, fast', measured, 'µs', 1.5, note));
  });
}

/** A store whose branch main holds `directories` directories of 1,000 files each. */
async function makeStore(store, directories) {
  await timeGitstore(['-r', store, 'init']);
  const git = (args, input) => output('git', ['--git-dir', store, ...args], { input }).trim();
  const stream = [];
  for (let i = 1; i <= 1000; i++) stream.push(`blob\nmark :${i}\ndata <<.\n${i}\n.\n`);
  stream.push('commit refs/heads/main\ncommitter bench <bench@localhost> 1700000000 +0000\n');
  stream.push('data 4\nfill\nfrom refs/heads/main^0\n');
  for (let d = 0; d < directories; d++) {
    for (let i = 1; i <= 1000; i++) stream.push(`M 100644 :${i} dir${d}/file${i}\n`);
  }
  git(['fast-import', '--quiet'], stream.join(''));
}
