/**
 * The versions of files in a history: which content stood at a path from one commit to another, along
 * first parents. Found by comparing each commit with the one before, where equal trees are not opened.
 */
import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode, type TreeEntry } from '../git/tree.ts';
import { diffTrees } from '../tree/diff.ts';
import { walkFiles } from '../tree/walk.ts';
import { loadSnapshot, type Snapshot } from './snapshot.ts';

/** A content that stood at a path. */
export interface FileVersion {
  readonly path: string;
  readonly entry: Pick<TreeEntry, 'id' | 'mode'>;
  /** The newest commit that holds it. */
  readonly last: ObjectId;
}

/**
 * Every version of every file, each as soon as the walk back comes upon it: those of the snapshot first,
 * then what later commits have replaced or removed.
 */
export async function* versionsOf(
  snapshot: Snapshot,
  { path, signal }: { path?: string | undefined; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<FileVersion, void, undefined> {
  const { store } = snapshot;
  const start = path ?? '';
  const top = await store.trees.lookup(snapshot.commit.tree, start);
  if (top !== undefined && isTreeMode(top.mode)) {
    for await (const { path: file, mode, id } of walkFiles(store.trees, top.id, start)) {
      yield { path: file, entry: { mode, id }, last: snapshot.id };
    }
  } else if (top !== undefined) yield { path: start, entry: top, last: snapshot.id };
  let { tree } = snapshot.commit;
  let parent = snapshot.commit.parents[0];
  for (let count = 1; parent !== undefined; count++) {
    if (count % 64 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    const before = store.commits.tryLinks(parent) ?? (await store.commits.links(parent));
    if (before.tree !== tree) {
      for await (const { path: file, old } of diffTrees(store.trees, before.tree, tree, { path })) {
        if (old !== undefined) yield { path: file, entry: old, last: parent };
      }
    }
    tree = before.tree;
    parent = before.parents[0];
  }
}

/** The snapshot of a commit that a version names. */
export function snapshotOfVersion(snapshot: Snapshot, id: ObjectId): Promise<Snapshot> {
  return id === snapshot.id ? Promise.resolve(snapshot) : loadSnapshot(snapshot.store, id, null);
}
