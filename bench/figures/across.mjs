/**
 * copyFromRef of a directory of 100,000 files to where nothing stands, once its trees are cached:
 * small files, and files of 1 MiB, of which Git writes one and refers to it 100,000 times.
 */
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import { checkFsck } from '../lib/check.mjs';
import { median, output, runChild, timeGitstore, withScratch } from '../lib/measure.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 2.7;
export const name = 'across';
export const title = 'copyFromRef of a directory of 100,000 files; independent of their sizes';

export async function run({ runs = 5 }, emit) {
  await withScratch(async (scratch) => {
    const times = { small: [], large: [] };
    for (const [kind, bytes] of Object.entries({ small: 10, large: 1 << 20 })) {
      const store = join(scratch, `${kind}.git`);
      await makeStore(store, bytes);
      times[kind] = runChild(join(children, 'copy-from-ref.mjs'), [store, runs]).ms;
      checkFsck(store);
    }
    const small = median(times.small);
    const large = median(times.large);
    emit(
      limitRow('copyFromRef of a directory of 100,000 files', small, ' ms', 100, 'durability full'),
    );
    const measured = { ours: large, rival: small, ratio: large / small };
    emit(ratioRow('… of files of 1 MiB', measured, 'ms', 1.5, 'rival: of files of 10 bytes'));
  });
}

/** A store with 100,000 files in `source`, 1,000 a directory, all of one content. */
async function makeStore(store, bytes) {
  await timeGitstore(['-r', store, 'init']);
  const stream = [`blob\nmark :1\ndata ${bytes}\n${'x'.repeat(bytes)}\n`];
  stream.push('commit refs/heads/main\ncommitter bench <bench@localhost> 1700000000 +0000\n');
  stream.push('data 4\nfill\nfrom refs/heads/main^0\n');
  for (let d = 0; d < 100; d++) {
    for (let i = 0; i < 1000; i++) stream.push(`M 100644 :1 source/dir${d}/file${i}\n`);
  }
  output('git', ['--git-dir', store, 'fast-import', '--quiet'], { input: stream.join('') });
}
