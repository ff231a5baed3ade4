/**
 * Every file of a store that `git gc` has packed, in random order. Ours: one process, one store;
 * counted from before GitStore.open to the last byte, so finding the ids in the trees is in it and
 * Node's own start is not. Read as docs/library.md says for many files: `fs.read` for 1000 paths at a
 * time; beside it, without a bar, the time with one after the other. The rival: `git cat-file --batch`
 * from start to exit, which is handed all ids at once and writes to /dev/null.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import { countObjects } from '../lib/check.mjs';
import { realTree, shuffled } from '../lib/input.mjs';
import {
  assertEqual,
  median,
  output,
  pair,
  runChild,
  timeGit,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

/** Files that are asked for before the first is waited for. */
const AT_A_TIME = 1000;

export const order = 4;
export const name = 'random-read';
export const title = 'all files of a packed store in random order / git cat-file --batch';

export async function run({ runs = 5 }, emit) {
  const { worktree, tree } = realTree();
  await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    await timeGitstore(['-r', store, 'cp', tree, ':']);
    output('git', ['--git-dir', store, 'gc', '-q']);
    assertEqual(countObjects(store).packs, 1, 'packs after git gc');

    const listing = output('git', ['--git-dir', store, 'ls-tree', '-r', '-z', 'main']);
    const entries = shuffled(listing.split('\0').slice(0, -1)).map((line) => {
      const [, id, path] = /^\d+ blob ([0-9a-f]{40})\t(.*)$/s.exec(line);
      return { id, path };
    });
    const paths = join(scratch, 'paths.json');
    const ids = join(scratch, 'ids');
    writeFileSync(paths, JSON.stringify(entries.map(({ path }) => path)));
    writeFileSync(ids, entries.map(({ id }) => `${id}\n`).join(''));

    const script = join(children, 'random-read.mjs');
    const measured = await pair(
      runs,
      () => runChild(script, [store, paths, AT_A_TIME]).ms,
      () => timeGit(['--git-dir', store, 'cat-file', '--batch'], { stdin: ids }),
    );
    const { wrong } = runChild(script, [store, paths, AT_A_TIME, worktree]);
    assertEqual(wrong, 0, 'files that read wrong');
    emit(
      ratioRow(
        `read ${entries.length} files of a packed store, random order`,
        measured,
        'ms',
        0.7,
        `${AT_A_TIME} at a time; rival: git cat-file --batch, ids given`,
      ),
    );
    const single = Array.from({ length: runs }, () => runChild(script, [store, paths, 1]).ms);
    emit({
      kind: 'info',
      work: 'the same, one after the other',
      ours: median(single),
      unit: 'ms',
    });
  });
}
