/**
 * Collecting a deep history, whole processes. Three stores: the history in one pack with deltas; a
 * shorter one in whole objects in several packs, as writers leave it, so that deltas have to be found
 * for all of them; and the first again when it has been collected. Both sides begin with a copy of the
 * same store. The rival's bitmaps, and our changed-path filters, are part of what each does.
 */
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkFsck } from '../lib/check.mjs';
import { deepHistory } from '../lib/history.mjs';
import {
  assertEqual,
  memoryOfGitstore,
  output,
  pair,
  timeGit,
  timeGitstore,
  withScratch,
} from '../lib/measure.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 42;
export const name = 'gc';
export const title = 'gc of a deep history / git gc';

export async function run({ runs = 3 }, emit) {
  await withScratch(async (scratch) => {
    const history = await deepHistory();
    await compare('40,000 commits in one pack', history, runs, scratch, emit);
    const short = await deepHistory({ commits: 6_000, files: 1_000 });
    const whole = wholeObjects(short, join(scratch, 'whole.git'));
    await compare('6,000 commits, no deltas yet', whole, runs, scratch, emit);
  });
}

async function compare(what, source, runs, scratch, emit) {
  const ours = join(scratch, 'ours.git');
  const rival = join(scratch, 'rival.git');
  const copyTo = (target) => {
    rmSync(target, { recursive: true, force: true });
    cpSync(source, target, { recursive: true });
    return target;
  };
  const first = await pair(
    runs,
    () => timeGitstore(['-r', copyTo(ours), 'gc']),
    () => timeGit(['--git-dir', copyTo(rival), 'gc', '-q']),
  );
  emit(ratioRow(`gc of ${what}`, first, 'ms', 3, 'rival: git gc'));
  const sizes = { ours: packBytes(ours), rival: packBytes(rival) };
  sizes.ratio = sizes.ours / sizes.rival;
  emit(ratioRow('the pack it makes', sizes, 'MB', 1.15));
  checkFsck(ours);
  assertEqual(objectsIn(ours), objectsIn(source), 'reachable objects');
  output('git', ['--git-dir', ours, 'commit-graph', 'verify']);

  const again = await pair(
    runs,
    () => timeGitstore(['-r', ours, 'gc']),
    () => timeGit(['--git-dir', rival, 'gc', '-q']),
  );
  emit(ratioRow('and again, with nothing new', again, 'ms', 1.5, 'rival: git gc'));
  const { megabytes } = await memoryOfGitstore(['-r', copyTo(ours), 'gc']);
  emit(limitRow('resident memory of the first', megabytes, 'MB', 1000));
}

/** The same refs and objects, none of them a delta, in several packs. */
function wholeObjects(source, target) {
  output('git', ['init', '-q', '--bare', '-b', 'main', target]);
  const ids = output('git', ['--git-dir', source, 'rev-list', '--objects', '--all']);
  const lines = ids.split('\n').filter(Boolean);
  const packs = 8;
  // Neighbours come into different packs: no pack has been searched before.
  for (let pack = 0; pack < packs; pack++) {
    const input = lines.filter((_, i) => i % packs === pack).join('\n');
    const base = join(target, 'objects/pack/pack');
    output(
      'git',
      ['--git-dir', source, 'pack-objects', '-q', '--window=0', '--no-reuse-delta', base],
      {
        input,
      },
    );
  }
  const refs = output('git', [
    '--git-dir',
    source,
    'for-each-ref',
    '--format=%(objectname) %(refname)',
  ]);
  writeFileSync(join(target, 'packed-refs'), refs);
  return target;
}

function packBytes(store) {
  const folder = join(store, 'objects/pack');
  const packs = readdirSync(folder).filter((file) => file.endsWith('.pack'));
  assertEqual(packs.length, 1, 'packs');
  return statSync(join(folder, packs[0])).size / 1e6;
}

function objectsIn(store) {
  return output('git', ['--git-dir', store, 'rev-list', '--objects', '--all', '--count']).trim();
}
