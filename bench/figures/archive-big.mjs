/**
 * A member of 4 GiB (GITSTORE_BENCH_BIG: another number of GiB) out as tar and zip to a pipe, and in
 * from a file and from a pipe: peak resident memory of the process.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkFsck, treeOf } from '../lib/check.mjs';
import { bigFile } from '../lib/input.mjs';
import { assertEqual, memoryOfGitstore, timeGitstore, withScratch } from '../lib/measure.mjs';
import { limitRow } from '../lib/table.mjs';

export const order = 22;
export const name = 'archive-big';
export const title = 'a 4 GiB member out and in, as tar and zip: peak memory';

const gib = Number(process.env.GITSTORE_BENCH_BIG ?? 4);

export async function run(_options, emit) {
  const file = bigFile('random', Math.round(gib * 2 ** 30));
  await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    await timeGitstore(['-r', store, 'cp', file, `:${basename(file)}`]);
    const row = (work, { ms, megabytes }) =>
      emit(limitRow(work, megabytes, 'MB', 250, `${(ms / 1000).toFixed(1)} s`));
    for (const [out, back] of [
      ['tar', 'untar'],
      ['zip', 'unzip'],
    ]) {
      const archive = join(scratch, `big.${out}`);
      row(
        `${out} of ${gib} GiB to stdout, resident memory`,
        await memoryOfGitstore(['-r', store, out, '-'], { stdout: archive }),
      );
      for (const [where, args, options] of [
        ['a file', [archive], {}],
        ['a pipe', ['-'], { piped: archive }],
      ]) {
        const again = join(scratch, 'again.git');
        row(
          `${back} of it from ${where}`,
          await memoryOfGitstore(['-r', again, back, ...args], options),
        );
        checkFsck(again);
        assertEqual(treeOf(again), treeOf(store), 'the tree that went out');
        rmSync(again, { recursive: true });
      }
      rmSync(archive);
    }
  });
}
