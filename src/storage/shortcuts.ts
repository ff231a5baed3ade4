/**
 * What a storage may know of its commits and trees without reading them. All of it only saves work:
 * the objects say the same.
 */
import type { ObjectId } from '../git/objectId.ts';
import type { ObjectSet } from '../git/objectSet.ts';
import type { TreeEntry } from '../git/tree.ts';
import type { Pace } from './pace.ts';

/** The shortcuts of one store. */
export interface HistoryShortcuts {
  /** The shape of the history, beside the commits themselves; `undefined`: there is none. */
  commitGraph(): CommitGraph | undefined;
  /** Prepares to look for one name in many trees that differ little from each other. */
  entryProbe(name: string): EntryProbe;
  /** A record of what a commit leads to (Git's reachability bitmaps); `undefined`: there is none. */
  reachOf(commit: ObjectId): ReachRecord | undefined;
  /** Commits that are here without their parents, as where Git has cloned with a limit. */
  shallow(): ReadonlySet<ObjectId>;
}

/**
 * The entry of the name in a tree; `null`: the tree has none; `undefined`: not available
 * synchronously, read the tree. The tree's id need not have been checked, only that its data is as
 * it was written.
 */
export type EntryProbe = (tree: ObjectId) => Pick<TreeEntry, 'mode' | 'id'> | null | undefined;

/**
 * Trees and parents of commits, to be had without reading the commits. It holds some commits of the
 * store, and with a commit all of its ancestors. A commit is a *position* in it, a number of 0 or more
 * and less than `count`.
 */
export interface CommitGraph {
  readonly count: number;
  /** The commit's position; undefined when it is not in the graph. */
  find(id: ObjectId): number | undefined;
  id(position: number): ObjectId;
  tree(position: number): ObjectId;
  /** The first parent's position; undefined for a commit without parents. */
  firstParent(position: number): number | undefined;
  /** Positions of all parents. */
  parents(position: number): number[];
  /** The committer's time in seconds; not exact before 1970 and after 2514. */
  time(position: number): number;
  /** Larger than those of all ancestors; 0 when it was not computed. */
  generation(position: number): number;
  /**
   * The commit that is `steps` first parents before a position.
   * @returns how many first parents exist, when there are fewer than `steps`
   * @throws CorruptObjectError
   */
  ancestor(position: number, steps: number): { position: number } | { fewer: number };
  /**
   * Goes by first parents from a position on to commits that may have changed what stands at a path, or
   * below it, against their first parent. Those it passes over have not.
   * @param path normalized
   * @returns each call gives the position of the next one; `pause` instead after a long way without
   *   any, so that the caller can do something else; undefined when there are no more. Throws
   *   CorruptObjectError.
   */
  changesOf(path: string, position: number): () => number | 'pause' | undefined;
}

/** Which objects are meant besides commits and tags. */
export interface ObjectKinds {
  readonly trees: boolean;
  readonly blobs: boolean;
}

export interface ReachRecord {
  /** Whether the commit leads to (or is) the object whose id is the 20 bytes at `at`. */
  has(ids: Uint8Array, at: number): boolean;
  /** Adds the commit and all that it leads to, each with its type and the hash of its path. */
  addTo(objects: ObjectSet, kinds: ObjectKinds, pace: Pace): Promise<void>;
}
