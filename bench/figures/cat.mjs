/** `cat` of a small file from a store of thousands, whole process, beside Node doing nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { realTree } from '../lib/input.mjs';
import { assertEqual, pair, runProcess, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 5;
export const name = 'cat';
export const title = 'cat of a small file, whole process / node -e 0';

export async function run({ runs = 31 }, emit) {
  const { tree } = realTree();
  await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    await timeGitstore(['-r', store, 'cp', tree, ':']);
    const file = 'tree/lodash-es/package.json';
    const stdout = join(scratch, 'out');
    const measured = await pair(
      runs,
      () => timeGitstore(['-r', store, 'cat', file], { stdout }),
      async () => (await runProcess(process.execPath, ['-e', '0'])).ms,
    );
    const expected = readFileSync(join(tree, 'lodash-es/package.json'), 'utf8');
    assertEqual(readFileSync(stdout, 'utf8'), expected, 'what cat printed');
    emit(ratioRow('cat of a small file, whole process', measured, 'ms', 1.6, 'rival: node -e 0'));
  });
}
