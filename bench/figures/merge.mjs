/**
 * Merging beside `git merge-tree --write-tree`. Git makes both histories: 100,000 files, 100 a directory,
 * where each side has changed one file; and 1,000 files of 60 lines that both sides have changed. Ours is the
 * whole of `fs.merge` in one process that has the store open (the commit, the branch and its reflog too),
 * each time from branches that were not merged before; Git's is the whole process, which moves no branch.
 */
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import {
  assertEqual,
  output,
  pair,
  runChild,
  runProcess,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 8;
export const name = 'merge';
export const title = 'merging / git merge-tree';

export async function run({ runs = 5 }, emit) {
  await withScratch(async (scratch) => {
    const wide = join(scratch, 'wide.git');
    await makeStore(wide, 1000, 100, (side) => [[side === 'a' ? 3 : 700, 50]]);
    await measure(wide, 'one changed file in 100,000, merge', 1);
    const both = join(scratch, 'both.git');
    await makeStore(both, 10, 100, () => all(10, 100));
    await measure(both, '1,000 files changed on both sides, merge', 1.5);

    async function measure(store, work, bar) {
      const git = ['--git-dir', store, '-c', 'merge.directoryRenames=false', 'merge-tree'];
      const expected = output('git', [...git, '--write-tree', 'a', 'b']).trim();
      const ours = () => {
        const { ms, tree } = runChild(join(children, 'merge.mjs'), [store]);
        assertEqual(tree, expected, 'tree of the merge');
        return ms;
      };
      const rival = async () => (await runProcess('git', [...git, '--write-tree', 'a', 'b'])).ms;
      emit(
        ratioRow(
          work,
          await pair(runs, ours, rival),
          'ms',
          bar,
          'rival: git merge-tree --write-tree',
        ),
      );
    }
  });
}

function all(directories, files) {
  const places = [];
  for (let d = 0; d < directories; d++) for (let f = 0; f < files; f++) places.push([d, f]);
  return places;
}

/** Branches `a` and `b`, which come from the same files and have each changed some of them. */
async function makeStore(store, directories, files, changed) {
  await timeGitstore(['-r', store, 'init']);
  const stream = [];
  const commit = (branch, from, message) => {
    stream.push(
      `commit refs/heads/${branch}\ncommitter bench <bench@localhost> 1700000000 +0000\n`,
    );
    stream.push(
      `data ${message.length}\n${message}\n${from === undefined ? '' : `from ${from}\n`}`,
    );
  };
  const put = (d, f, text) => {
    stream.push(`M 100644 inline dir${d}/file${f}\ndata ${text.length}\n${text}\n`);
  };
  const textOf = (d, f, first, last) => {
    const lines = Array.from({ length: 60 }, (_, i) => `line ${i} of file ${f} in ${d}`);
    return `${[first, ...lines, last].join('\n')}\n`;
  };
  commit('base', undefined, 'base');
  for (const [d, f] of all(directories, files)) put(d, f, textOf(d, f, 'first', 'last'));
  for (const side of ['a', 'b']) {
    commit(side, 'refs/heads/base', side);
    for (const [d, f] of changed(side)) {
      put(d, f, side === 'a' ? textOf(d, f, 'A', 'last') : textOf(d, f, 'first', 'B'));
    }
  }
  output('git', ['--git-dir', store, 'fast-import', '--quiet'], { input: stream.join('') });
}
