/**
 * What a storage may know of its commits and trees without reading them. All of it only saves work: the
 * objects hold the same information.
 */
import type { ObjectId } from '../git/objectId.ts';
import type { ObjectSet } from '../git/objectSet.ts';
import type { CommitSummary } from '../git/objects/commitText.ts';
import type { TreeEntry } from '../git/objects/tree.ts';
import type { Pace } from './pace.ts';

/** The shortcuts of one store. */
export interface HistoryShortcuts {
  /** The graph of the history, kept in addition to the commits; `undefined` when there is none. */
  commitGraph(): CommitGraph | undefined;
  /** Prepares lookups of one name in many trees that differ little from each other. */
  entryProbe(name: string): EntryProbe;
  /** The objects reachable from a commit (Git's reachability bitmaps); `undefined` when there is none. */
  reachOf(commit: ObjectId): ReachRecord | undefined;
  /** Commits whose parents are absent, as in a shallow clone. */
  shallow(): ReadonlySet<ObjectId>;
}

/**
 * The entry of the name in a tree; `null` for a missing entry; `undefined` when not available
 * synchronously: read the tree. Verifies that the tree's data is as it was written, not its id.
 */
export type EntryProbe = (tree: ObjectId) => Pick<TreeEntry, 'mode' | 'id'> | null | undefined;

/**
 * Trees and parents of commits, available without reading the commits. Holds some commits of the store,
 * and with a commit all of its ancestors. A commit has a *position*, a number from 0 to `count - 1`.
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
  /** Undefined where the graph lacks it: read the commit. */
  summary(position: number): CommitSummary | undefined;
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
   * Follows first parents from a position to commits that may have changed a path, or anything below it,
   * compared with their first parent. The skipped commits have not.
   * @param path normalized
   * @returns a function that returns the position of the next such commit; `pause` after many skipped
   *   commits, so that the caller can let the event loop run; undefined at the end. Throws
   *   CorruptObjectError.
   */
  changesOf(path: string, position: number): () => number | 'pause' | undefined;
}

/** The kinds of objects to include besides commits and tags. */
export interface ObjectKinds {
  readonly trees: boolean;
  readonly blobs: boolean;
}

export interface ReachRecord {
  /** Whether the commit leads to (or is) the object whose id is the 20 bytes at `at`. */
  has(ids: Uint8Array, at: number): boolean;
  /** Adds the commit and everything reachable from it, each with its type and the hash of its path. */
  addTo(objects: ObjectSet, kinds: ObjectKinds, pace: Pace): Promise<void>;
}
