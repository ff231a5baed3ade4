/** Whether edits of one tree can be put on another: nothing that they touch may differ. */
import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode, type TreeEntry } from '../git/objects/tree.ts';
import type { TreeEdit } from './edit.ts';
import { parentPath } from './paths.ts';
import type { AnyTreeReader } from './reader.ts';

/**
 * The paths among those of `edits` at which `before` and `after` have something else, or that lead
 * through a file in `after`; sorted as the edits are.
 */
export async function touchedPaths(
  trees: AnyTreeReader,
  before: ObjectId,
  after: ObjectId,
  edits: ReadonlyMap<string, TreeEdit>,
): Promise<string[]> {
  const touched: string[] = [];
  if (before === after) return touched;
  for (const [path, edit] of edits) {
    const [old, now] = [await look(trees, before, path), await look(trees, after, path)];
    const differs = old?.id !== now?.id || old?.mode !== now?.mode;
    const isBlocked =
      now === undefined && edit !== null && (await isBelowFile(trees, after, path, edits));
    if (differs || isBlocked) touched.push(path);
  }
  return touched;
}

async function look(
  trees: AnyTreeReader,
  root: ObjectId,
  path: string,
): Promise<TreeEntry | undefined> {
  return trees.tryLookup(root, path) ?? trees.lookup(root, path);
}

/** Whether a file stands where the path has a directory, and stays there. */
async function isBelowFile(
  trees: AnyTreeReader,
  root: ObjectId,
  path: string,
  edits: ReadonlyMap<string, TreeEdit>,
): Promise<boolean> {
  for (let at = parentPath(path); at !== ''; at = parentPath(at)) {
    const entry = await trees.lookup(root, at);
    // An edit of that path is looked at itself.
    if (entry !== undefined) return !isTreeMode(entry.mode) && !edits.has(at);
  }
  return false;
}
