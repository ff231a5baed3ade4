/**
 * One-file commits in a loop. 10 directories of 10 files; commit i writes `dir<i % 10>/file<i % 100>`.
 * The rival is libgit2 through pygit2: a blob, two trees, a commit, the ref moved from its old value.
 * Both stopwatches run inside the processes, around the loop alone, and both must end at the same
 * tree. libgit2 writes no reflog and no fsync here; ours writes the reflog, and `full` adds fsync.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import { checkFsck, treeOf } from '../lib/check.mjs';
import { assertEqual, median, output, pair, runChild, withScratch } from '../lib/measure.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 3;
export const name = 'commits';
export const title = 'one-file commits in a loop / libgit2';

const count = 1000;
const work = `one-file commit, loop of ${count}`;
const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import pygit2']).status === 0,
);

export async function run({ runs = 5 }, emit) {
  await withScratch(async (scratch) => {
    let n = 0;
    const nextStore = () => join(scratch, `${n++}.git`);
    const ours = (durability) => () => {
      const store = nextStore();
      return microseconds(
        store,
        runChild(join(children, 'commits.mjs'), [store, durability, count]),
      );
    };
    const rival = () => {
      const store = nextStore();
      const args = [join(children, 'commits-libgit2.py'), store, String(count)];
      return microseconds(store, JSON.parse(output(python, args)));
    };
    if (python === undefined) {
      const values = Array.from({ length: runs }, ours('fast'));
      emit({ kind: 'info', work: `${work}, fast`, ours: median(values), unit: 'µs' });
      emit(skippedRow('… beside libgit2', 'no Python with pygit2 (Debian: python3-pygit2)'));
      return;
    }
    emit(
      ratioRow(`${work}, fast`, await pair(runs, ours('fast'), rival), 'µs', 0.6, 'rival: libgit2'),
    );
    emit(ratioRow(`${work}, full`, await pair(runs, ours('full'), rival), 'µs', undefined));
  });
}

/** Microseconds a commit, once the store is known to hold what it must. */
let expectedTree;
function microseconds(store, { seconds, base }) {
  expectedTree ??= treeOf(store);
  assertEqual(treeOf(store), expectedTree, 'tree after the loop');
  const commits = output('git', ['--git-dir', store, 'rev-list', '--count', `${base}..HEAD`]);
  assertEqual(Number(commits), count, 'commits of the loop');
  checkFsck(store);
  return (seconds / count) * 1e6;
}
