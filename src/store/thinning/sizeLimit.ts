/** Limits a line of snapshots to a number of bytes. */

import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { isTreeMode, MODE_GITLINK } from '../../git/objects/tree.ts';
import { reachable } from '../../graph/reachable.ts';
import { DELETED_REFS, requireAll } from '../../storage/refRules.ts';
import type { StoreContext } from '../context/context.ts';

interface Sized {
  readonly id: ObjectId;
  readonly commit: Pick<Commit, 'tree'>;
}

/**
 * Goes from the newest to the oldest snapshot and drops the first that no longer fits, and all older
 * ones.
 * @param kept newest first
 * @param staying those that stay regardless of their size
 * @param moving refs that move with the line. All others stay unchanged, and count first
 * @param maxSize bytes for the whole store
 * @returns the dropped snapshots
 * @throws GitStoreError (`EINVAL`) when what other refs need does not fit: dropping snapshots would not help
 */
export async function beyondSize(
  store: StoreContext,
  kept: readonly Sized[],
  staying: ReadonlySet<ObjectId>,
  moving: ReadonlySet<string>,
  maxSize: number,
  signal: AbortSignal | undefined,
): Promise<Set<ObjectId>> {
  const { objects, refs, upkeep } = store.storage;
  const wants: ObjectId[] = [];
  const others = requireAll(await refs.list('refs/'), 'nothing is thinned');
  for (const { ref: other, id } of others) {
    // Deleted refs are freed.
    if (!moving.has(other) && !other.startsWith(DELETED_REFS)) wants.push(id);
  }
  const seen = new Set<ObjectId>((await reachable(objects, { wants, signal })).objects);
  let bytes = await upkeep.bytesOf(seen);
  if (bytes > maxSize) {
    throw new GitStoreError(
      `Other branches, tags and notes need ${bytes} bytes, more than ${maxSize}: thin or delete those first`,
      'EINVAL',
    );
  }
  const add = async (one: Sized): Promise<void> => {
    bytes += await upkeep.bytesOf(await newObjects(store, one, seen));
    signal?.throwIfAborted();
  };
  for (const one of kept) if (staying.has(one.id)) await add(one);
  const gone = new Set<ObjectId>();
  let isFull = false;
  for (const one of kept) {
    if (staying.has(one.id)) continue;
    if (!isFull) await add(one);
    isFull ||= bytes > maxSize;
    if (isFull) gone.add(one.id);
  }
  return gone;
}

/** The objects of a snapshot that were not seen before. */
async function newObjects(
  { trees }: StoreContext,
  { id, commit }: Sized,
  seen: Set<ObjectId>,
): Promise<ObjectId[]> {
  const found = seen.has(id) ? [] : [id];
  const open = [commit.tree];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    found.push(at);
    for (const entry of (trees.cached(at) ?? (await trees.tree(at))).entries) {
      if (isTreeMode(entry.mode)) open.push(entry.id);
      else if (entry.mode !== MODE_GITLINK && !seen.has(entry.id)) {
        seen.add(entry.id);
        found.push(entry.id);
      }
    }
  }
  return found;
}
