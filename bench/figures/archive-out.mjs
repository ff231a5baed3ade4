/**
 * The real tree out as a tar, whole processes. The rival is `git archive` of the same commit from the
 * same store; both write to a file.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkSameFolders } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import { output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 20;
export const name = 'archive-out';
export const title = 'tar of that tree / git archive';

export async function run({ runs = 5 }, emit) {
  const { worktree, tree, files } = realTree();
  const measured = await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    await timeGitstore(['-r', store, 'cp', tree, ':']);
    const ours = join(scratch, 'ours.tar');
    const rival = join(scratch, 'rival.tar');
    const result = await pair(
      runs,
      async () => {
        rmSync(ours, { force: true });
        return await timeGitstore(['-r', store, 'tar', ours]);
      },
      async () => {
        rmSync(rival, { force: true });
        return await timeGit(['--git-dir', store, 'archive', '--format=tar', '-o', rival, 'main']);
      },
    );
    const unpacked = join(scratch, 'unpacked');
    mkdirSync(unpacked);
    output('tar', ['xf', ours, '-C', unpacked]);
    checkSameFolders(unpacked, worktree);
    return result;
  });
  emit(
    ratioRow(
      `tar of ${files} files`,
      measured,
      'ms',
      1.2,
      'rival: git archive --format=tar of the same commit, from the same store',
    ),
  );
}
