/**
 * That tree kept in step with a folder: nothing changed, 1 % of the files changed, and the folder
 * brought back where 1 % of its files differ. Whole processes, files in the page cache. Each side has
 * a copy of the tree of its own, and each run changes other files, the same ones on both sides.
 */
import { appendFileSync, cpSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { checkFsck, checkSameFolders, treeOf } from '../lib/check.mjs';
import { realTree, shuffled } from '../lib/input.mjs';
import {
  assertEqual,
  output,
  pair,
  runProcess,
  timeGit,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 2.5;
export const name = 'sync';
export const title =
  'sync in and out, nothing or 1 % changed / rsync -an, git add + commit, reset --hard';

/** Longer than file times need to be trusted, in milliseconds. */
const SETTLE = 300;

export async function run({ runs = 5 }, emit) {
  const { worktree, tree, paths, files } = realTree();
  await withScratch(async (scratch) => {
    const store = join(scratch, 'ours.git');
    const ours = copyOf(tree, join(scratch, 'ours'));
    const theirs = copyOf(tree, join(scratch, 'theirs/tree'));
    const sync = (...args) => timeGitstore(['-r', store, 'sync', ...args]);
    await settle();
    await sync(ours, ':tree');
    await emitUnchanged();

    const git = gitIn(join(scratch, 'git'), join(scratch, 'theirs'));
    await git('init', '-q');
    await git('add', '-A', '-f');
    await git('commit', '-q', '-m', 'all');
    const regular = paths.filter((path) => lstatSync(join(tree, path)).isFile());
    const share = Math.ceil(files / 100);
    const next = parts(shuffled(regular), share);
    const change = (folder, list) => {
      for (const path of list) appendFileSync(join(folder, path), '\nchanged\n');
    };

    const changed = turns(next);
    const inward = await pair(
      runs,
      async () => {
        change(ours, changed.ours());
        return await sync(ours, ':tree');
      },
      async () => {
        change(theirs, changed.theirs());
        return (await git('add', '-A', '-f')) + (await git('commit', '-q', '-m', 'changed'));
      },
    );
    checkFsck(store);
    assertEqual(treeOf(store), treeOf(join(scratch, 'git')), "our tree is Git's tree");
    const note = 'rival: git add -A + commit, warm index';
    emit(ratioRow(`sync of ${files} files, ${share} of them changed`, inward, 'ms', 1, note));

    await settle();
    await sync(ours, ':tree');
    const differing = turns(next);
    const outward = await pair(
      runs,
      async () => {
        change(ours, differing.ours());
        return await sync(':tree', ours);
      },
      async () => {
        change(theirs, differing.theirs());
        return await git('reset', '-q', '--hard');
      },
    );
    checkSameFolders(ours, theirs);
    emit(
      ratioRow(
        `sync out over a folder in which ${share} files differ`,
        outward,
        'ms',
        1,
        'rival: git reset --hard, warm index',
      ),
    );

    async function emitUnchanged() {
      const work = `sync of ${files} files, nothing changed`;
      if (!hasRsync()) return emit(skippedRow(work, 'rsync is not installed'));
      const before = treeOf(store);
      const rsync = ['-an', `${worktree}/`, `${join(scratch, 'theirs')}/`];
      const unchanged = await pair(
        2 * runs,
        () => sync(ours, ':tree'),
        async () => (await runProcess('rsync', rsync)).ms,
      );
      assertEqual(treeOf(store), before, 'nothing has changed');
      emit(ratioRow(work, unchanged, 'ms', 1.2, 'rival: rsync -an to an equal copy'));
    }
  });
}

function copyOf(tree, folder) {
  cpSync(tree, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  return folder;
}

function settle() {
  return new Promise((resolve) => setTimeout(resolve, SETTLE));
}

/** Runs Git with a work tree; housekeeping is off: it would go on in the background. */
function gitIn(gitDir, worktree) {
  const where = ['--git-dir', gitDir, '--work-tree', worktree, '-c', 'gc.auto=0'];
  return (...args) => timeGit([...where, ...args], { env: { GIT_DIR: gitDir } });
}

/** Hands out the list in parts, from the beginning again at its end. */
function parts(list, size) {
  let at = 0;
  return () => {
    if (at + size > list.length) at = 0;
    at += size;
    return list.slice(at - size, at);
  };
}

/** The same parts for both sides, whoever asks first. */
function turns(next) {
  const given = { ours: 0, theirs: 0 };
  const all = [];
  const take = (side) => () => {
    const i = given[side]++;
    all[i] ??= next();
    return all[i];
  };
  return { ours: take('ours'), theirs: take('theirs') };
}

function hasRsync() {
  try {
    output('rsync', ['--version']);
    return true;
  } catch {
    return false;
  }
}
