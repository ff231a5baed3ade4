/** A deep history to an empty repository behind a `git daemon` on this machine, whole processes. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkFsck } from '../lib/check.mjs';
import { withDaemon } from '../lib/daemon.mjs';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 41;
export const name = 'backup';
export const title = 'backup of a deep history / git push --mirror';

export async function run({ runs = 5 }, emit) {
  const history = await deepHistory();
  const measured = await withScratch((scratch) =>
    withDaemon(scratch, async (base) => {
      const store = join(scratch, 'store.git');
      cpSync(history, store, { recursive: true });
      const fresh = (name) => {
        const path = join(scratch, name);
        rmSync(path, { recursive: true, force: true });
        output('git', ['init', '-q', '--bare', '-b', 'main', path]);
        return `${base}/${name}`;
      };
      const result = await pair(
        runs,
        async () => {
          const url = fresh('ours.git');
          return await timeGitstore(['-r', store, 'backup', url]);
        },
        async () => {
          const url = fresh('rival.git');
          return await timeGit(['--git-dir', store, 'push', '-q', '--mirror', url]);
        },
      );
      assertEqual(refsOf(join(scratch, 'ours.git')), refsOf(store), 'refs');
      checkFsck(join(scratch, 'ours.git'));
      return result;
    }),
  );
  emit(
    ratioRow(
      'backup of a history of 40,000 commits, git daemon',
      measured,
      'ms',
      1.5,
      'rival: git push --mirror',
    ),
  );
}

function refsOf(repository) {
  return output('git', ['--git-dir', repository, 'for-each-ref']);
}
