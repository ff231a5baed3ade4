/** Merges of random histories beside `git merge-tree`. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GitStore, type MergeConflict } from '../../src/index.ts';
import { effort, seed } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { steadyOptions } from '../store/stores.ts';
import { writePairs } from './histories.ts';
import { gitVerdicts } from './referee.ts';

const { count, timeout } = effort(40, 20_000);

/** So many pairs share a store. */
const TOGETHER = 500;

/**
 * Git takes two equal files that both sides have added as settled, although one of them was moved there
 * and the other side has changed it at its old path: that change is lost. Here it is a conflict.
 */
function isLostByGit({ kind, ours, theirs }: MergeConflict): boolean {
  return kind === 'added-twice' && ours?.id === theirs?.id && ours?.mode === theirs?.mode;
}

describe('merging random histories', () => {
  it('gives the trees, the markers and the conflicts of git merge-tree', { timeout }, async () => {
    const differences: Record<string, unknown>[] = [];
    for (let done = 0; done < count; done += TOGETHER) {
      const folder = join(scratchFolder(), 'store.git');
      const options = { ...steadyOptions(), durability: 'fast', branch: null } as const;
      await using store = await GitStore.open(folder, options);
      const some = Math.min(TOGETHER, count - done);
      const pairs = await writePairs(store.context.storage, seed * 1_000_000 + done, some);
      const verdicts = gitVerdicts(folder, pairs);
      for (const [i, pair] of pairs.entries()) {
        const git = verdicts[i]!;
        const ours = await store.branches.get(pair.ours);
        const how = { conflicts: 'markers', fastForward: false } as const;
        const merged = await ours.merge(pair.theirs, how);
        const found = merged.changes!.conflicts;
        if (
          found.some((conflict) => !git.conflicts.includes(conflict.path) && isLostByGit(conflict))
        ) {
          continue;
        }
        const paths = found.flatMap((conflict) => conflict.paths);
        const conflicts = [...new Set(paths)].sort();
        const mine = { clean: conflicts.length === 0, tree: merged.treeHash, conflicts };
        if (JSON.stringify(mine) !== JSON.stringify(git)) {
          differences.push({ folder, ...pair, git, mine });
        }
      }
    }
    expect(differences).toEqual([]);
  });
});
