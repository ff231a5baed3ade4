/**
 * A deep history (lib/history.mjs): the log, the log of one file, a commit far back, each as a whole
 * process beside Git's. Once as `git clone --bare` leaves a repository, once after `gitstore gc`, whose
 * commit-graph with changed-path filters both sides follow.
 */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 20;
export const name = 'history';
export const title = 'log, log --path and hash far back on a deep history / git';

const FORMAT = '--format=%h  %cI  %s';
const BACK = 'main~10000';

export async function run({ runs = 7 }, emit) {
  const plain = await deepHistory();
  const file = fileOf(plain);
  await withScratch(async (scratch) => {
    const collected = join(scratch, 'collected.git');
    cpSync(plain, collected, { recursive: true });
    await timeGitstore(['-r', collected, 'gc']);
    const stdout = join(scratch, 'ours');
    const rivalOut = join(scratch, 'rival');
    const compare = async (work, store, ours, rival, bar, check) => {
      const measured = await pair(
        runs,
        () => timeGitstore(['-r', store, ...ours], { stdout }),
        () => timeGit(['--git-dir', store, ...rival], { stdout: rivalOut }),
      );
      check(linesOf(stdout), linesOf(rivalOut));
      emit(ratioRow(work, measured, 'ms', bar, `rival: git ${rival[0]}`));
    };
    for (const [store, how] of [
      [plain, ''],
      [collected, ', after gc'],
    ]) {
      const commits = output('git', ['--git-dir', store, 'rev-list', '--first-parent', 'main']);
      const expected = commits.trim().split('\n');
      await compare(
        `log of ${expected.length} commits${how}`,
        store,
        ['log'],
        ['log', '--first-parent', FORMAT, 'main'],
        1.5,
        (ours) => {
          assertEqual(ours.length, expected.length, 'commits in the log');
          assertEqual(
            ours.every((line, i) => expected[i].startsWith(line.slice(0, 7))),
            true,
            'same commits',
          );
        },
      );
      const changed = output('git', [
        '--git-dir',
        store,
        'rev-list',
        '--first-parent',
        'main',
        '--',
        file,
      ]);
      const inFile = changed.trim().split('\n');
      await compare(
        `log --path of a file with ${inFile.length} changes${how}`,
        store,
        ['log', '--path', file],
        ['log', '--first-parent', FORMAT, 'main', '--', file],
        1,
        (ours) => {
          assertEqual(ours.length, inFile.length, 'commits in the log of the file');
          assertEqual(
            ours.every((line, i) => inFile[i].startsWith(line.slice(0, 7))),
            true,
            'same commits',
          );
        },
      );
      await compare(
        `hash ${BACK}${how}`,
        store,
        ['hash', BACK],
        ['rev-parse', BACK],
        2,
        (ours, theirs) => {
          assertEqual(ours[0], theirs[0], `hash of ${BACK}`);
        },
      );
    }
  });
}

/** A file that is neither new nor changed all the time. */
function fileOf(store) {
  const names = output('git', ['--git-dir', store, 'ls-tree', '--name-only', 'main', 'src/core/']);
  return names.split('\n').find((path) => path.endsWith('.c'));
}

function linesOf(file) {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}
