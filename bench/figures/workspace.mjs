/**
 * A folder with a memory: what has changed, a checkpoint of 100 changed files, a rewind of them, and one
 * edit with a watch. In one open process beside Git's commands, and as whole commands beside them.
 */
import { appendFileSync, cpSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { library } from '../lib/build.mjs';
import { checkFsck, checkSameFolders } from '../lib/check.mjs';
import { realTree, shuffled } from '../lib/input.mjs';
import { assertEqual, median, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 2.7;
export const name = 'workspace';
export const title = 'checkpoint, changes and rewind of a folder / git add + commit, checkout -f';

/** Longer than file times need to be trusted, in milliseconds. */
const SETTLE = 2500;

export async function run({ runs = 7 }, emit) {
  const { tree, paths, files } = realTree();
  const { GitStore, Workspace } = await import(library);
  await withScratch(async (scratch) => {
    const ours = copyOf(tree, join(scratch, 'ours'));
    const theirs = copyOf(tree, join(scratch, 'theirs'));
    const store = await GitStore.open(join(scratch, 'ours.git'), { durability: 'fast' });
    const work = await Workspace.open(ours, { store, gitignore: false });
    await work.checkpoint();
    const git = (...args) =>
      timeGit([
        '--git-dir',
        join(scratch, 'git'),
        '--work-tree',
        theirs,
        '-c',
        'gc.auto=0',
        ...args,
      ]);
    await git('init', '-q');
    await git('add', '-A', '-f');
    await git('commit', '-q', '-m', 'all');
    await new Promise((resolve) => setTimeout(resolve, SETTLE));

    const nothing = [];
    for (let turn = 0; turn < 2 * runs; turn++) {
      nothing.push(await timed(() => work.changes()));
    }
    emit(
      limitRow(
        `changes in ${files} files, nothing changed, open process`,
        median(nothing),
        'ms',
        50,
      ),
    );

    const regular = shuffled(paths.filter((path) => lstatSync(join(tree, path)).isFile()));
    const change = (folder, turn) => {
      for (const path of regular.slice(turn * 100, turn * 100 + 100)) {
        appendFileSync(join(folder, path), '\nchanged\n');
      }
    };
    let [mine, other] = [0, 0];
    const gitStores = async () => {
      change(theirs, other++);
      return (await git('add', '-A', '-f')) + (await git('commit', '-q', '-m', 'changed'));
    };
    const gitGoesBack = async () => {
      change(theirs, other++);
      await git('commit', '-q', '-a', '-m', 'changed');
      return git('checkout', '-q', '-f', 'HEAD~1');
    };
    const inward = await pair(
      runs,
      async () => {
        change(ours, mine++);
        return timed(() => work.checkpoint());
      },
      gitStores,
    );
    emit(
      ratioRow(
        'checkpoint of 100 changed files, open process',
        inward,
        'ms',
        0.7,
        'rival: git add -A + commit',
      ),
    );

    const back = await pair(
      runs,
      async () => {
        change(ours, mine++);
        await work.checkpoint();
        return timed(() => work.rewind({ back: 1 }));
      },
      gitGoesBack,
    );
    checkSameFolders(ours, theirs);
    emit(
      ratioRow(
        'rewind of 100 changed files, open process',
        back,
        'ms',
        0.7,
        'rival: git checkout -f HEAD~1',
      ),
    );

    const command = (...args) => timeGitstore(['-r', store.path, ...args, '--dir', ours]);
    const whole = await pair(
      runs,
      async () => {
        change(ours, mine++);
        return command('checkpoint');
      },
      gitStores,
    );
    emit(
      ratioRow(
        'checkpoint of 100 changed files, whole command',
        whole,
        'ms',
        1,
        'rival: git add -A + commit',
      ),
    );
    const wholeBack = await pair(
      runs,
      async () => {
        change(ours, mine++);
        // Not by the open store: the command would put on stable storage what that has written with `fast`.
        await command('checkpoint');
        return command('rewind', '--back', '1');
      },
      gitGoesBack,
    );
    checkSameFolders(ours, theirs);
    emit(
      ratioRow(
        'rewind of 100 changed files, whole command',
        wholeBack,
        'ms',
        1,
        'rival: git checkout -f HEAD~1',
      ),
    );

    const watching = await Workspace.open(ours, { store, watch: true });
    await watching.checkpoint();
    const edits = [];
    for (let turn = 0; turn < 3 * runs; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      appendFileSync(join(ours, regular[0]), 'x');
      edits.push(await timed(() => watching.checkpoint()));
    }
    assertEqual((await watching.changes()).entries.length, 0, 'the checkpoint holds the edit');
    emit(limitRow('checkpoint of one edit, folder watched', median(edits), 'ms', 25));
    await watching.close();
    await store.close();
    checkFsck(join(scratch, 'ours.git'));
  });
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function copyOf(tree, folder) {
  cpSync(tree, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  return folder;
}
