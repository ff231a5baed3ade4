/** Tests whether commits are descendants of others. */
import type { ObjectId } from '../git/objectId.ts';
import type { IdSet } from '../git/objectSet.ts';
import { Pace } from '../storage/pace.ts';
import type { ObjectReader } from '../storage/storage.ts';
import { CommitTable } from './commitTable.ts';

/**
 * Whether every one of `starts` is at least one of `goals` or a descendant of one. Starts that are not
 * commits count as descendants. The search stops at commits older than the oldest goal, so wrong clocks
 * may cause a false negative.
 * @throws CorruptObjectError
 */
export async function allReach(
  store: ObjectReader,
  starts: Iterable<ObjectId>,
  goals: IdSet,
  options: { readonly shallow?: IdSet; readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  const table = new CommitTable(store, options.shallow);
  const pace = new Pace(options.signal);
  const reached = new Set<number>();
  let oldest = Number.POSITIVE_INFINITY;
  for (const goal of goals) {
    const commit = (await table.peel(goal))?.commit;
    if (commit === undefined) continue;
    reached.add(commit);
    oldest = Math.min(oldest, table.timeOf(commit));
    if (pace.due()) await pace.pause();
  }
  const failed = new Set<number>();

  /** Walks until it finds a commit that reaches a goal. All commits on the way reach it too. */
  async function reaches(start: number): Promise<boolean> {
    const path = [{ commit: start, next: 0 }];
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const { commit } = step;
      if (reached.has(commit)) {
        for (const one of path) reached.add(one.commit);
        return true;
      }
      if (!table.loadNow(commit)) await table.load(commit);
      const parents = table.timeOf(commit) < oldest ? [] : table.parentsOf(commit);
      const parent = parents[step.next++];
      if (parent === undefined) {
        failed.add(commit);
        path.pop();
      } else if (!failed.has(parent)) path.push({ commit: parent, next: 0 });
      if (pace.due()) await pace.pause();
    }
    return false;
  }

  for (const start of starts) {
    const commit = (await table.peel(start))?.commit;
    if (commit !== undefined && !(await reaches(commit))) return false;
  }
  return true;
}
