/** Compares two snapshots of a store. */
import { diffTrees } from '../../tree/diff.ts';
import { normalizePath } from '../../tree/paths.ts';
import { ofStore, type Snapshot } from '../context/snapshot.ts';
import { type WalkEntry, walkEntry } from './read.ts';

/** A file that differs between two snapshots. */
export interface Difference {
  readonly path: string;
  /** Added, modified (content or mode), deleted. */
  readonly status: 'A' | 'M' | 'D';
  /** The file before; missing when it was added. */
  readonly old?: WalkEntry;
  /** The file after; missing when it was deleted. */
  readonly new?: WalkEntry;
}

export interface DiffOptions {
  /** Only this path and everything below it. */
  readonly path?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The files that differ from `before` to `after`, sorted by path. */
export async function* diffSnapshots(
  before: Snapshot,
  after: Snapshot,
  options: DiffOptions,
): AsyncGenerator<Difference, void, undefined> {
  const { store } = before;
  ofStore(store, after);
  const path = normalizePath(options.path ?? '');
  for await (const found of diffTrees(store.trees, before.commit.tree, after.commit.tree, {
    path,
  })) {
    options.signal?.throwIfAborted();
    yield {
      path: found.path,
      status: found.status,
      ...(found.old && { old: walkEntry(found.old) }),
      ...(found.new && { new: walkEntry(found.new) }),
    };
  }
}
