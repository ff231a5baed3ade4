/** What `git merge-tree` makes of the same merges. */
import { spawnSync } from 'node:child_process';
import { gitEnvironment } from '../helpers/git.ts';
import type { HistoryPair } from './histories.ts';

export interface Verdict {
  readonly clean: boolean;
  readonly tree: string;
  /** Sorted. */
  readonly conflicts: readonly string[];
}

/** Merges all pairs in one process of Git, without renames of directories. */
export function gitVerdicts(repository: string, pairs: readonly HistoryPair[]): Verdict[] {
  const result = spawnSync(
    'git',
    [
      ...['--git-dir', repository, '-c', 'merge.directoryRenames=false'],
      ...['merge-tree', '--write-tree', '--stdin', '--no-messages'],
    ],
    {
      input: pairs.map(({ ours, theirs }) => `${ours} ${theirs}\n`).join(''),
      env: gitEnvironment,
      maxBuffer: 1 << 28,
    },
  );
  if (result.status !== 0) throw new Error(`git merge-tree: ${result.stderr}`);
  const fields = result.stdout.toString('latin1').split('\0');
  const verdicts: Verdict[] = [];
  let at = 0;
  while (verdicts.length < pairs.length) {
    const clean = fields[at++] === '1';
    const tree = fields[at++]!;
    const paths = new Set<string>();
    for (; fields[at] !== ''; at++) paths.add(fields[at]!.slice(fields[at]!.indexOf('\t') + 1));
    at += 1;
    verdicts.push({ clean, tree, conflicts: [...paths].sort() });
  }
  return verdicts;
}
