/**
 * A deep history from a `git daemon` on this machine into a new store, whole processes. Both sides
 * check every object; the store is on stable storage when `restore` returns.
 */
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { checkFsck } from '../lib/check.mjs';
import { withDaemon } from '../lib/daemon.mjs';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 40;
export const name = 'restore';
export const title = 'restore of a deep history / git clone --mirror';

export async function run({ runs = 5 }, emit) {
  const history = await deepHistory();
  const measured = await withScratch((scratch) =>
    withDaemon(dirname(history), async (base) => {
      const url = `${base}/${basename(history)}`;
      const ours = join(scratch, 'ours.git');
      const rival = join(scratch, 'rival.git');
      const result = await pair(
        runs,
        async () => {
          rmSync(ours, { recursive: true, force: true });
          return await timeGitstore(['-r', ours, 'restore', url]);
        },
        async () => {
          rmSync(rival, { recursive: true, force: true });
          return await timeGit(['clone', '-q', '--mirror', url, rival]);
        },
      );
      assertEqual(refsOf(ours), refsOf(history), 'refs');
      checkFsck(ours);
      return result;
    }),
  );
  emit(
    ratioRow(
      'restore of a history of 40,000 commits, git daemon',
      measured,
      'ms',
      1.5,
      'rival: git clone --mirror',
    ),
  );
}

function refsOf(repository) {
  return output('git', ['--git-dir', repository, 'for-each-ref']);
}
