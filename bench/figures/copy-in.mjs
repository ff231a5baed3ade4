/** A real tree into a new store, whole processes, files in the page cache. */
import { join } from 'node:path';
import { checkFsck, countObjects, treeOf } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import { assertEqual, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 1;
export const name = 'copy-in';
export const title = 'cp of a real tree into a new store / git init + add -A + commit';

export async function run({ runs = 5 }, emit) {
  const { worktree, tree, files, bytes } = realTree();
  const last = {};
  const result = await withScratch(async (scratch) => {
    let n = 0;
    const measured = await pair(
      runs,
      async () => {
        last.ours = join(scratch, `ours-${n++}.git`);
        return await timeGitstore(['-r', last.ours, 'cp', tree, ':']);
      },
      async () => {
        last.rival = join(scratch, `rival-${n++}`);
        return await gitCommit(last.rival, worktree);
      },
    );
    checkFsck(last.ours);
    assertEqual(treeOf(last.ours), treeOf(last.rival), "our tree is Git's tree");
    return { measured, ours: countObjects(last.ours), rival: countObjects(last.rival) };
  });
  emit(
    ratioRow(
      `cp of ${files} files, ${Math.round(bytes / 1e6)} MB, into a new store`,
      result.measured,
      'ms',
      0.5,
      `rival: git init + add -A + commit; store ${mb(result.ours)} MB, Git's ${mb(result.rival)} MB`,
    ),
  );
  emit(limitRow('… packs in that store', result.ours.packs, '', 2));
  emit(limitRow('… loose objects in that store', result.ours.loose, '', 10));
}

/** Three processes. Housekeeping is off: Git would pack in the background of the next run. */
async function gitCommit(gitDir, worktree) {
  const where = ['--git-dir', gitDir, '--work-tree', worktree, '-c', 'gc.auto=0'];
  const init = await timeGit(['init', '-q', '-b', 'main', '--bare', gitDir]);
  const add = await timeGit([...where, 'add', '-A', '-f']);
  const commit = await timeGit([...where, 'commit', '-q', '-m', 'all']);
  return init + add + commit;
}

function mb({ bytes }) {
  return Math.round(bytes / 1e6);
}
