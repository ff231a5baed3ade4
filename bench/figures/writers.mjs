/**
 * Sixteen processes that each make 500 commits to files of their own, all from a snapshot that they hold,
 * beside one process that makes all 8,000, to the same files, in the same way: `staleWrites: 'merge'`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { children, library } from '../lib/build.mjs';
import { checkFsck } from '../lib/check.mjs';
import { assertEqual, output, pair, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 3.5;
export const name = 'writers';
export const title = '16 processes that commit at once / one process';

const PROCESSES = 16;
const EACH = 500;

export async function run({ runs = 3 }, emit) {
  const { GitStore } = await import(library);
  await withScratch(async (scratch) => {
    let stores = 0;
    const write = async (processes) => {
      const path = join(scratch, `store-${stores++}.git`);
      const store = await GitStore.open(path, { durability: 'fast' });
      await (await store.branches.get('main')).writeText('first', '1');
      await store.close();
      const ms = await timeWriters(path, processes);
      const count = output('git', ['--git-dir', path, 'rev-list', '--count', 'main']).trim();
      assertEqual(Number(count), PROCESSES * EACH + 2, 'commits');
      if (stores === 1) checkFsck(path);
      return ms;
    };
    const result = await pair(
      runs,
      () => write(PROCESSES),
      () => write(1),
    );
    emit(
      ratioRow(
        `${PROCESSES} × ${EACH} commits from held snapshots, disjoint paths`,
        result,
        'ms',
        1 / 0.8,
        'rival: one process that makes them all',
      ),
    );
  });
}

/** Milliseconds from a common start to the last commit of the last process. */
async function timeWriters(store, processes) {
  const folders = PROCESSES / processes;
  const writers = Array.from({ length: processes }, (_, i) => {
    const script = join(children, 'writer.mjs');
    const args = [script, store, String(i * folders), String(folders), String(EACH)];
    return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  });
  const line = async (child, expected) => {
    const [text] = await once(child.stdout, 'data');
    assertEqual(String(text).trim(), expected, 'line of a writer');
  };
  await Promise.all(writers.map((child) => line(child, 'ready')));
  const start = performance.now();
  for (const { stdin } of writers) stdin.write('go\n');
  await Promise.all(writers.map((child) => line(child, 'done')));
  const ms = performance.now() - start;
  await Promise.all(writers.map((child) => child.exitCode ?? once(child, 'exit')));
  return ms;
}
