/**
 * That tree out to an empty folder. The rival is `git checkout -f main` with an empty index and a
 * work tree of its own, what a clone does last; it reads the very same store, so that both inflate
 * the same bytes.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkSameFolders } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import { pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 2;
export const name = 'copy-out';
export const title = 'cp of that tree out to an empty folder / git checkout of it';

export async function run({ runs = 5 }, emit) {
  const { worktree, tree, files } = realTree();
  const measured = await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    await timeGitstore(['-r', store, 'cp', tree, ':']);
    let n = 0;
    let last;
    const emptyFolder = () => {
      const folder = join(scratch, `out-${n++}`);
      mkdirSync(folder);
      return folder;
    };
    const result = await pair(
      runs,
      async () => {
        last = emptyFolder();
        return await timeGitstore(['-r', store, 'cp', ':tree', last]);
      },
      async () => {
        const folder = emptyFolder();
        return await timeGit(
          ['--git-dir', store, '--work-tree', folder, 'checkout', '-q', '-f', 'main'],
          { env: { GIT_INDEX_FILE: join(scratch, `index-${n}`) } },
        );
      },
    );
    checkSameFolders(last, worktree);
    return result;
  });
  emit(
    ratioRow(
      `cp of ${files} files out to an empty folder`,
      measured,
      'ms',
      1,
      'rival: git checkout -f with an empty index, from the same store',
    ),
  );
}
