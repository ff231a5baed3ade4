/**
 * A file of 4 GiB (GITSTORE_BENCH_BIG: another number of GiB) in through `cp` and `write`, out
 * through `cat` and `cp`: peak resident memory of the process. And 4 KiB read at three quarters of
 * the file through the library, counted from before GitStore.open, in a new process.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { children } from '../lib/build.mjs';
import { checkFsck, countObjects } from '../lib/check.mjs';
import { bigFile } from '../lib/input.mjs';
import { memoryOfGitstore, output, runChild, withScratch } from '../lib/measure.mjs';
import { limitRow } from '../lib/table.mjs';

export const order = 6;
export const name = 'big-file';
export const title = 'a 4 GiB file in and out: peak memory; a range read far inside it';

const gib = Number(process.env.GITSTORE_BENCH_BIG ?? 4);

export async function run(_options, emit) {
  for (const kind of ['random', 'text']) {
    const bytes = Math.round(gib * 2 ** 30);
    const file = bigFile(kind, bytes);
    await withScratch(async (scratch) => {
      const what = `${gib} GiB of ${kind}`;
      const store = join(scratch, 'store.git');
      const piped = join(scratch, 'piped.git');
      const out = join(scratch, 'out');
      const row = (work, { ms, megabytes }, note = '') =>
        emit(limitRow(work, megabytes, 'MB', 250, `${(ms / 1000).toFixed(1)} s${note}`));

      const cpIn = await memoryOfGitstore(['-r', store, 'cp', file, ':']);
      checkFsck(store);
      const stored = `, ${Math.round(countObjects(store).bytes / 1e6)} MB in the store`;
      row(`cp of ${what} in, resident memory`, cpIn, stored);

      const write = await memoryOfGitstore(['-r', piped, 'write', basename(file)], { piped: file });
      checkFsck(piped);
      row(`write of ${what} from a pipe`, write);
      rmSync(piped, { recursive: true });

      row(
        `cat of ${what}`,
        await memoryOfGitstore(['-r', store, 'cat', basename(file)], { stdout: out }),
      );
      output('cmp', [out, file]);
      rmSync(out);

      row(
        `cp of ${what} out`,
        await memoryOfGitstore(['-r', store, 'cp', `:${basename(file)}`, out]),
      );
      output('cmp', [out, file]);
      rmSync(out);

      if (kind === 'random') {
        const offset = Math.round((bytes * 3) / 4);
        const { ms } = runChild(join(children, 'range-read.mjs'), [store, file, offset, 4096]);
        emit(limitRow(`read 4 KiB at ${(gib * 3) / 4} GiB of it`, ms, 'ms', 50));
      }
    });
  }
}
