/**
 * A tar of the real tree into a new store, whole processes. The rival unpacks it with tar(1) and
 * commits it with Git.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkFsck, treeOf } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import {
  assertEqual,
  output,
  pair,
  runProcess,
  timeGit,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 21;
export const name = 'archive-in';
export const title = 'untar of that tree into a new store / tar x + git add -A + git commit';

export async function run({ runs = 3 }, emit) {
  const { worktree, files } = realTree();
  const measured = await withScratch(async (scratch) => {
    const tar = join(scratch, 'tree.tar');
    output('tar', ['cf', tar, '-C', worktree, 'tree']);
    let n = 0;
    let ours;
    let rival;
    const result = await pair(
      runs,
      async () => {
        ours = join(scratch, `ours-${n++}.git`);
        return await timeGitstore(['-r', ours, 'untar', tar]);
      },
      async () => {
        rival = join(scratch, `rival-${n++}.git`);
        const work = join(scratch, `work-${n}`);
        output('git', ['init', '-q', '-b', 'main', '--bare', rival]);
        mkdirSync(work);
        // Housekeeping is off: Git would pack in the background of the next run.
        const where = ['--git-dir', rival, '--work-tree', work, '-c', 'gc.auto=0'];
        const { ms } = await runProcess('tar', ['xf', tar, '-C', work]);
        const add = await timeGit([...where, 'add', '-A', '-f']);
        return ms + add + (await timeGit([...where, 'commit', '-q', '-m', 'all']));
      },
    );
    checkFsck(ours);
    assertEqual(treeOf(ours), treeOf(rival), "our tree is Git's tree");
    return result;
  });
  emit(
    ratioRow(
      `untar of ${files} files into a new store`,
      measured,
      'ms',
      0.6,
      'rival: tar x + git add -A + git commit; ours makes the store too',
    ),
  );
}
