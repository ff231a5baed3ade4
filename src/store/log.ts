/** The log: first parents from a snapshot back, filtered. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode, MODE_TREE, type TreeEntry } from '../git/tree.ts';
import { normalizePath } from '../tree/paths.ts';
import type { TreeReader } from '../tree/reader.ts';
import { compileWildcard } from '../tree/wildcard.ts';
import { parentOf } from './history.ts';
import { messageOf, type Snapshot } from './snapshot.ts';

export interface LogFilter {
  /** Only commits whose entry at this path, id or mode, differs from the first parent's. */
  readonly path?: string | undefined;
  /** Only commits whose whole message fits this pattern of `*` and `?`. */
  readonly match?: string | undefined;
  /** Only commits made at this time or before it. */
  readonly before?: Date | undefined;
  /** Ends the walk; with it, other work gets its turn while a long history is searched. */
  readonly signal?: AbortSignal | undefined;
}

/** Commits that are walked before other work, which may abort the signal, gets its turn. */
const STRIDE = 256;

/** The snapshot and its first-parent ancestors that pass the filter, newest first. */
export async function* walkLog(
  snapshot: Snapshot,
  filter: LogFilter,
): AsyncGenerator<Snapshot, void, undefined> {
  const { trees } = snapshot.store;
  const path = filter.path === undefined ? undefined : segments(filter.path);
  const matches = filter.match === undefined ? undefined : messageMatcher(filter.match);
  const until = filter.before?.getTime();
  const passes = ({ commit }: Snapshot): boolean =>
    (until === undefined || commit.committer.time * 1000 <= until) &&
    (matches === undefined || matches(messageOf(commit)));

  let trail = path && (await followPath(trees, snapshot.commit.tree, path));
  let walked = 0;
  for (let at: Snapshot | null = snapshot; at !== null; ) {
    if (filter.signal !== undefined) {
      // Objects are read without a pause, so without one no signal could ever be given.
      if (++walked % STRIDE === 0) await nextTurn();
      filter.signal.throwIfAborted();
    }
    if (path === undefined) {
      if (passes(at)) yield at;
      at = await parentOf(at);
      continue;
    }
    const parent = await parentOf(at);
    const before: Trail =
      parent === null ? [] : await followPath(trees, parent.commit.tree, path, trail);
    if (!isSame(trail?.[path.length], before[path.length]) && passes(at)) yield at;
    trail = before;
    at = parent;
  }
}

function segments(path: string): string[] {
  const normal = normalizePath(path);
  return normal === '' ? [] : normal.split('/');
}

/** In a message only `*` and `?` mean more than themselves. */
function messageMatcher(pattern: string): (message: string) => boolean {
  return compileWildcard(pattern.replace(/[[\\]/g, '\\$&'));
}

/** What stands on a path in one commit, from the root to the path itself, as far as it goes. */
type Trail = readonly Place[];

type Place = Pick<TreeEntry, 'id' | 'mode'>;

/**
 * Follows a path. Where a directory on it is the same as in `known`, a neighbouring commit's trail,
 * the rest is the same and nothing is read.
 */
async function followPath(
  trees: TreeReader,
  root: ObjectId,
  path: readonly string[],
  known: Trail = [],
): Promise<Trail> {
  const trail: Place[] = [];
  let entry: Place | undefined = { id: root, mode: MODE_TREE };
  for (let depth = 0; entry !== undefined; depth++) {
    if (isSame(entry, known[depth])) return [...trail, ...known.slice(depth)];
    trail.push(entry);
    const name = path[depth];
    if (name === undefined || !isTreeMode(entry.mode)) break;
    entry = (trees.cached(entry.id) ?? (await trees.tree(entry.id))).get(name);
  }
  return trail;
}

function isSame(a: Place | undefined, b: Place | undefined): boolean {
  return a?.id === b?.id && a?.mode === b?.mode;
}
