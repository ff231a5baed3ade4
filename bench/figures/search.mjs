/**
 * What looks through a deep history (lib/history.mjs) after `gitstore gc`, each as a whole process beside
 * Git's command that comes nearest. Where our command follows first parents, Git is told to do the same.
 */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 21;
export const name = 'search';
export const title = 'log --stat, blame, grep and find through a deep history / git';

const TEXT = 'callback_context';

export async function run({ runs = 5 }, emit) {
  const original = await deepHistory();
  await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    cpSync(original, store, { recursive: true });
    await timeGitstore(['-r', store, 'gc']);
    const stdout = join(scratch, 'ours');
    const rivalOut = join(scratch, 'rival');
    const compare = async (ours, rival, check) => {
      const measured = await pair(
        runs,
        () => timeGitstore(['-r', store, ...ours], { stdout }),
        () => timeGit(['--git-dir', store, ...rival], { stdout: rivalOut }),
      );
      check(linesOf(stdout), linesOf(rivalOut));
      const shown = ours.filter((word) => word.startsWith('--') || word === ours[0]).join(' ');
      emit(ratioRow(shown, measured, 'ms', 1, `rival: git ${rival[0]}`));
    };
    const sameCount = (ours, theirs) => assertEqual(ours.length, theirs.length, 'lines');
    const names = output('git', [
      '--git-dir',
      store,
      'ls-tree',
      '--name-only',
      'main',
      'src/core/',
    ]).split('\n');
    const file = names.find((path) => path.endsWith('.c'));
    await compare(['log', '--all'], ['log', '--format=%h  %cI  %s', 'main'], sameCount);
    await compare(['log', '--stat'], ['log', '--first-parent', '--stat', 'main'], (ours, theirs) =>
      assertEqual(commitsIn(ours), commitsIn(theirs), 'commits'),
    );
    await compare(['blame', file], ['blame', 'main', '--', file], sameCount);
    await compare(['grep', '-F', TEXT], ['grep', '-n', '-F', TEXT, 'main'], (ours, theirs) =>
      assertEqual(ours.join('\n'), theirs.join('\n').replace(/^main:/gm, ''), 'lines that fit'),
    );
    // Git has no such command: it finds the commits that change how often the text is there.
    await compare(
      ['grep', '--all', '-F', TEXT],
      ['log', `-S${TEXT}`, '--format=%h', 'main'],
      (ours) => assertEqual(ours.length > 1, true, 'matches'),
    );
    await compare(
      ['find', '--all', '*.md'],
      ['log', '-m', '--format=', '--name-only', 'main', '--', '*.md'],
      (ours, theirs) => {
        const found = ours.map((line) => line.replace(/^\S+\s+/, '')).sort();
        assertEqual(
          found.join('\n'),
          [...new Set(theirs)].sort().join('\n'),
          'paths that ever were',
        );
      },
    );
  });
}

function commitsIn(lines) {
  return lines.filter((line) => /^commit [0-9a-f]{40}$/.test(line)).join('\n');
}

function linesOf(file) {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}
