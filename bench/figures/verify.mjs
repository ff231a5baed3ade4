/** Checking every object of a deep history, whole processes. */
import { appendFileSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 43;
export const name = 'verify';
export const title = 'verify of a deep history / git fsck --strict';

export async function run({ runs = 5 }, emit) {
  const history = await deepHistory();
  const measured = await pair(
    runs,
    () => timeGitstore(['-r', history, 'verify']),
    () => timeGit(['--git-dir', history, 'fsck', '--strict', '--no-dangling', '--no-progress']),
  );
  emit(
    ratioRow('verify a history of 40,000 commits', measured, 'ms', 1.5, 'rival: git fsck --strict'),
  );
  await withScratch(async (scratch) => {
    const damaged = join(scratch, 'damaged.git');
    cpSync(history, damaged, { recursive: true });
    const folder = join(damaged, 'objects/pack');
    const [pack] = readdirSync(folder).filter((file) => file.endsWith('.pack'));
    appendFileSync(join(folder, pack), 'x');
    const found = await timeGitstore(['-r', damaged, 'verify']).catch(() => 'found');
    assertEqual(found, 'found', 'damage');
  });
}
