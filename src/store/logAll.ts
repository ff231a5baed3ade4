/** The commits of several histories, newest first, without duplicates, along all parents. */
import type { Commit } from '../git/commit.ts';
import type { ObjectId } from '../git/objectId.ts';
import { Heap } from '../graph/heap.ts';
import { normalizePath } from '../tree/paths.ts';
import type { StoreContext } from './context.ts';
import { commitTest, type LogFilter } from './log.ts';

/**
 * In the order of their dates, which is that of `git log --all --date-order` when clocks are right. With a
 * path only commits whose entry there differs from the first parent's.
 */
export async function* walkAll(
  store: StoreContext,
  tips: readonly ObjectId[],
  filter: LogFilter,
): AsyncGenerator<{ id: ObjectId; commit: Commit }, void, undefined> {
  const passes = commitTest(filter);
  const path = filter.path === undefined ? undefined : normalizePath(filter.path);
  const { commits } = store;
  const read = async (id: ObjectId) => commits.tryGet(id) ?? (await commits.getUncached(id));
  const found: { id: ObjectId; commit: Commit }[] = [];
  const open = new Heap((item) => found[item]!.commit.committer.time);
  const seen = new Set<ObjectId>();
  const add = async (id: ObjectId): Promise<void> => {
    if (seen.has(id)) return;
    seen.add(id);
    open.push(found.push({ id, commit: await read(id) }) - 1);
  };
  for (const id of tips) await add(id);
  for (let count = 1, item = open.pop(); item !== undefined; item = open.pop(), count++) {
    const next = found[item]!;
    delete found[item];
    if (count % 256 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      filter.signal?.throwIfAborted();
    }
    const { commit } = next;
    for (const parent of commit.parents) await add(parent);
    if (passes(commit) && (path === undefined || (await changes(store, commit, path)))) yield next;
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
