/** 10,000 notes set in one batch, and read back one by one and as a list. */
import { join } from 'node:path';
import { children } from '../lib/build.mjs';
import { checkFsck } from '../lib/check.mjs';
import { deepHistory } from '../lib/history.mjs';
import { writeLines } from '../lib/input.mjs';
import { assertEqual, median, output, runChild, withScratch } from '../lib/measure.mjs';
import { limitRow } from '../lib/table.mjs';

export const order = 21;
export const name = 'notes';
export const title = '10,000 notes in one batch, read back at more than 20,000 a second';

const COUNT = 10_000;

export async function run({ runs = 3 }, emit) {
  const history = await deepHistory();
  await withScratch(async (scratch) => {
    const commits = output('git', ['--git-dir', history, 'rev-list', `-${COUNT}`, 'main']);
    const list = writeLines(join(scratch, 'ids'), commits.trim().split('\n'));
    const results = [];
    for (let run = 0; run < runs; run++) {
      const store = join(scratch, `notes-${run}.git`);
      output('git', ['clone', '-q', '--bare', '--shared', history, store]);
      results.push(runChild(join(children, 'notes.mjs'), [store, list]));
      assertEqual(results.at(-1).wrong, 0, 'notes that read wrong');
      const seen = output('git', ['--git-dir', store, 'notes', 'list']).trim().split('\n').length;
      assertEqual(seen, COUNT, 'notes that git sees');
      const notes = output('git', [
        '--git-dir',
        store,
        'rev-list',
        '--count',
        'refs/notes/commits',
      ]);
      assertEqual(notes.trim(), '1', 'commits of the batch');
      if (run === 0) checkFsck(store);
    }
    const perNote = (key) => (median(results.map((result) => result[key])) / COUNT) * 1000;
    emit(limitRow(`one of ${COUNT} notes, read by get`, perNote('readMs'), 'µs', 50));
    emit(limitRow(`one of ${COUNT} notes, read in a list`, perNote('listMs'), 'µs', 50));
    emit({
      kind: 'info',
      work: `${COUNT} notes set in one batch`,
      ours: median(results.map((result) => result.writeMs)),
      unit: 'ms',
    });
  });
}
