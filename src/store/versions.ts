/**
 * The versions of files in a history: the contents of paths by commit. Compares each commit with all its
 * parents, without opening equal trees.
 */
import type { Commit } from '../git/commit.ts';
import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode, type TreeEntry } from '../git/tree.ts';
import { Heap } from '../graph/heap.ts';
import { diffTrees } from '../tree/diff.ts';
import { walkFiles } from '../tree/walk.ts';
import { loadSnapshot, type Snapshot } from './snapshot.ts';

/** A version of a file at a path. */
export interface FileVersion {
  readonly path: string;
  readonly entry: Pick<TreeEntry, 'id' | 'mode'>;
  /** The newest commit that holds it. */
  readonly last: ObjectId;
}

interface VersionOptions {
  /** Only what is at this path or below it. */
  readonly path?: string | undefined;
  /** Whether to go on to the versions of earlier commits. */
  readonly history?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every version of every file, without duplicates, in the order of the walk back: first those of the
 * snapshot, then those that later commits have replaced or removed, newest commits first.
 */
export async function* versionsOf(
  snapshot: Snapshot,
  { path, history, signal }: VersionOptions = {},
): AsyncGenerator<FileVersion, void, undefined> {
  const { store } = snapshot;
  const start = path ?? '';
  const told = new Set<string>();
  const isNew = (file: string, { id, mode }: Pick<TreeEntry, 'id' | 'mode'>): boolean => {
    const version = `${id} ${mode} ${file}`;
    return !told.has(version) && told.add(version) !== undefined;
  };
  const top = await store.trees.lookup(snapshot.commit.tree, start);
  if (top !== undefined && isTreeMode(top.mode)) {
    for await (const { path: file, mode, id } of walkFiles(store.trees, top.id, start)) {
      if (isNew(file, { mode, id })) yield { path: file, entry: { mode, id }, last: snapshot.id };
    }
  } else if (top !== undefined && isNew(start, top)) {
    yield { path: start, entry: top, last: snapshot.id };
  }
  if (!history) return;
  const found: Commit[] = [];
  const seen = new Set<ObjectId>();
  const open = new Heap((item) => found[item]!.committer.time);
  const add = (id: ObjectId, commit: Commit): void => {
    if (seen.has(id)) return;
    seen.add(id);
    open.push(found.push(commit) - 1);
  };
  add(snapshot.id, snapshot.commit);
  for (let count = 1, item = open.pop(); item !== undefined; item = open.pop(), count++) {
    const { tree, parents } = found[item]!;
    delete found[item];
    if (count % 64 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    for (const parent of parents) {
      const before = store.commits.tryGet(parent) ?? (await store.commits.getUncached(parent));
      add(parent, before);
      if (before.tree === tree) continue;
      for await (const { path: file, old } of diffTrees(store.trees, before.tree, tree, { path })) {
        if (old !== undefined && isNew(file, old)) yield { path: file, entry: old, last: parent };
      }
    }
  }
}

/** The snapshot of a version's commit. */
export function snapshotOfVersion(snapshot: Snapshot, id: ObjectId): Promise<Snapshot> {
  return id === snapshot.id ? Promise.resolve(snapshot) : loadSnapshot(snapshot.store, id, null);
}
