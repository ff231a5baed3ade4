/**
 * Peak resident memory of gitstore on object storage (versitygw on loopback): a file of 4 GiB
 * (GITSTORE_BENCH_BIG: another number of GiB) in and out, and one file of a store of 1,000,000 objects.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { newMachine, withEngine } from '../lib/bucket.mjs';
import { bigFile } from '../lib/input.mjs';
import { memoryOfGitstore, output, withScratch } from '../lib/measure.mjs';
import { millionObjects } from '../lib/millionObjects.mjs';
import { limitRow, skippedRow } from '../lib/table.mjs';

export const order = 41;
export const name = 'bucket-memory';
export const title =
  'a store on object storage: memory for a file of 4 GiB, and for 1,000,000 objects';

const gib = Number(process.env.GITSTORE_BENCH_BIG ?? 4);
const LIMIT = 300;

export async function run(_options, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (engine) => {
      const row = (work, { megabytes, ms }) =>
        emit(limitRow(work, megabytes, 'MB', LIMIT, `${(ms / 1000).toFixed(1)} s`));
      const big = `s3://${engine.bucket}/big`;
      const file = bigFile('random', Math.round(gib * 2 ** 30));
      const out = join(scratch, 'out');
      const writer = newMachine(engine, scratch, 'writer');
      row(
        `cp of ${gib} GiB in, resident memory`,
        await memoryOfGitstore(['-r', big, 'cp', file, ':'], { env: writer }),
      );
      rmSync(writer.XDG_CACHE_HOME, { recursive: true });
      const reader = newMachine(engine, scratch, 'reader');
      row(
        `cp of ${gib} GiB out, cold`,
        await memoryOfGitstore(['-r', big, 'cp', `:${basename(file)}`, out], { env: reader }),
      );
      output('cmp', [out, file]);
      rmSync(out);
      rmSync(reader.XDG_CACHE_HOME, { recursive: true });

      const million = `s3://${engine.bucket}/million`;
      const env = newMachine(engine, scratch, 'writer');
      await memoryOfGitstore(['-r', await millionObjects(), 'backup', million], { env });
      for (const how of ['cold', 'warm']) {
        const machine = how === 'cold' ? newMachine(engine, scratch, 'reader') : reader;
        const cat = ['-r', million, 'cat', 'dir34/file1234'];
        row(`cat in 1,000,000 objects, ${how}`, await memoryOfGitstore(cat, { env: machine }));
      }
    });
    if (why !== undefined) emit(skippedRow('memory of a store on object storage', why));
  });
}
