/** Walking directory trees: all files below a tree. */
import type { ObjectId } from '../git/objectId.ts';
import { type FileMode, isTreeMode, type TreeEntry } from '../git/tree.ts';
import { joinPath } from './paths.ts';
import type { TreeReader } from './reader.ts';

/** A file, a link or a gitlink with its full path. */
export interface WalkedFile {
  readonly path: string;
  readonly mode: FileMode;
  readonly id: ObjectId;
}

/**
 * All files, links and gitlinks below the tree, depth first in tree order, which is the byte order
 * of the full paths.
 * @param prefix path that stands before all paths given out
 */
export async function* walkFiles(
  trees: TreeReader,
  treeId: ObjectId,
  prefix = '',
): AsyncGenerator<WalkedFile, void, undefined> {
  interface Level {
    readonly prefix: string;
    readonly entries: readonly TreeEntry[];
    next: number;
  }
  const open: Level[] = [{ prefix, entries: (await trees.tree(treeId)).entries, next: 0 }];
  for (;;) {
    const level = open.at(-1);
    if (level === undefined) return;
    const entry = level.entries[level.next];
    level.next += 1;
    if (entry === undefined) {
      open.pop();
      continue;
    }
    const path = joinPath(level.prefix, entry.name);
    if (isTreeMode(entry.mode)) {
      const tree = trees.cached(entry.id) ?? (await trees.tree(entry.id));
      open.push({ prefix: path, entries: tree.entries, next: 0 });
    } else {
      yield { path, mode: entry.mode, id: entry.id };
    }
  }
}
