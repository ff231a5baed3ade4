/** The commits of several histories, newest first, without duplicates, along all parents. */

import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { checkOptions } from '../../optionTypes.ts';
import { normalizePath } from '../../tree/paths.ts';
import type { StoreContext } from '../context/context.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { HistoryQueue } from './historyQueue.ts';
import { commitTest, type LogFilter } from './log.ts';

/**
 * In the order of their dates, which is that of `git log --all --date-order` when clocks are right. With a
 * path only commits whose entry there differs from the first parent's.
 * @param tips where to begin
 * @param wrap converts the results; a further generator would cost as much as parsing a commit
 */
export async function* walkAll<T>(
  store: StoreContext,
  tips: () => Promise<readonly ObjectId[]>,
  filter: LogFilter,
  wrap: (snapshot: Snapshot) => T,
): AsyncGenerator<T, void, undefined> {
  checkOptions(filter);
  const passes = commitTest(filter);
  const path = filter.path === undefined ? undefined : normalizePath(filter.path);
  const { commits } = store;
  const queue = new HistoryQueue(store);
  for (const id of await tips()) queue.add(id, await commits.getUncached(id));
  for (let count = 1; ; count++) {
    const next = queue.next();
    const found = next instanceof Promise ? await next : next;
    if (found === undefined) return;
    if (count % 256 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      filter.signal?.throwIfAborted();
    }
    const { id } = found;
    const commit = found.commit ?? commits.tryGet(id) ?? (await commits.getUncached(id));
    if (passes(commit) && (path === undefined || (await changes(store, commit, path)))) {
      yield wrap({ store, id, commit, ref: null });
    }
  }
}

async function changes(store: StoreContext, commit: Commit, path: string): Promise<boolean> {
  const [first] = commit.parents;
  const before =
    first === undefined
      ? undefined
      : await store.trees.lookup((await store.commits.get(first)).tree, path);
  const after = await store.trees.lookup(commit.tree, path);
  return before?.id !== after?.id || before?.mode !== after?.mode;
}
