/** Compares directory trees. Does not open directories with equal ids. */
import type { ObjectId } from '../git/objectId.ts';
import { compareTreeEntries, isTreeMode, type TreeEntry } from '../git/objects/tree.ts';
import { differingEntries } from '../git/objects/treeDifference.ts';
import { checkDepth, joinPath } from './paths.ts';
import type { AnyTreeReader, Tree } from './reader.ts';

/** A file that differs: added, deleted, or with another content or mode. */
export interface TreeDifference {
  readonly path: string;
  readonly status: 'A' | 'M' | 'D';
  /** The entry before; undefined when added. */
  readonly old?: TreeEntry;
  /** The entry after; undefined when deleted. */
  readonly new?: TreeEntry;
}

/** Two lists of entries of one directory, walked side by side. */
interface Level {
  readonly prefix: string;
  readonly old: readonly TreeEntry[];
  readonly new: readonly TreeEntry[];
  atOld: number;
  atNew: number;
}

/**
 * The files that differ between the trees `a` (before) and `b` (after), in the byte order of their
 * paths. A file that became a directory is a deletion and additions.
 * @param options.path a normalized path: compare only this path and everything below it
 * @throws TooDeepError
 */
export async function* diffTrees(
  trees: AnyTreeReader,
  a: ObjectId,
  b: ObjectId,
  options: { path?: string | undefined } = {},
): AsyncGenerator<TreeDifference, void, undefined> {
  const path = options.path ?? '';
  const open: Level[] = [];
  // One artificial entry per side, so that the start is not a special case.
  const top = async (root: ObjectId): Promise<TreeEntry[]> => {
    const entry = await trees.lookup(root, path);
    return entry === undefined ? [] : [{ ...entry, name: path }];
  };
  open.push({ prefix: '', old: await top(a), new: await top(b), atOld: 0, atNew: 0 });

  const children = (
    before: Tree | undefined,
    after: Tree | undefined,
  ): Pick<Level, 'old' | 'new'> => {
    if (before !== undefined && after !== undefined) {
      const [left, right] = differingEntries([before, after]);
      return { old: left!, new: right! };
    }
    return { old: before?.entries ?? [], new: after?.entries ?? [] };
  };

  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const before = level.old[level.atOld];
    const after = level.new[level.atNew];
    if (before === undefined && after === undefined) {
      open.pop();
      continue;
    }
    const order =
      before === undefined ? 1 : after === undefined ? -1 : compareTreeEntries(before, after);
    const gone = order <= 0 ? before : undefined;
    const come = order >= 0 ? after : undefined;
    if (gone !== undefined) level.atOld += 1;
    if (come !== undefined) level.atNew += 1;
    if (
      gone !== undefined &&
      come !== undefined &&
      gone.id === come.id &&
      gone.mode === come.mode
    ) {
      continue;
    }
    const entryPath = joinPath(level.prefix, (gone ?? come)!.name);
    // Names that compare equal are both trees or both not: a tree's name ends in '/' there.
    if (isTreeMode((gone ?? come)!.mode)) {
      checkDepth(entryPath, 1);
      const old = gone && (trees.tryTree(gone.id) ?? (await trees.tree(gone.id)));
      const now = come && (trees.tryTree(come.id) ?? (await trees.tree(come.id)));
      open.push({ prefix: entryPath, ...children(old, now), atOld: 0, atNew: 0 });
    } else if (gone === undefined) {
      yield { path: entryPath, status: 'A', new: come! };
    } else if (come === undefined) {
      yield { path: entryPath, status: 'D', old: gone };
    } else {
      yield { path: entryPath, status: 'M', old: gone, new: come };
    }
  }
}

/**
 * The names under which two trees have different entries, or one has none. Undefined when either is
 * not in the store, unless they are the same.
 */
export async function differingNames(
  trees: AnyTreeReader,
  a: ObjectId,
  b: ObjectId,
): Promise<Set<string> | undefined> {
  const names = new Set<string>();
  if (a === b) return names;
  for (const id of [a, b]) {
    if (trees.cached(id) === undefined && !(await trees.objects.has(id))) return undefined;
  }
  for (const list of differingEntries([await trees.tree(a), await trees.tree(b)])) {
    for (const { name } of list) names.add(name);
  }
  return names;
}
