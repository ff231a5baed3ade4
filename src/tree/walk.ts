/** Walking directory trees: all files below a tree. */
import type { ObjectId } from '../git/objectId.ts';
import { type FileMode, isTreeMode, type TreeEntry } from '../git/objects/tree.ts';
import { checkDepth, joinPath } from './paths.ts';
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
 * @throws TooDeepError
 */
export async function* walkFiles(
  trees: TreeReader,
  treeId: ObjectId,
  prefix = '',
): AsyncGenerator<WalkedFile, void, undefined> {
  const walk = new FileWalk(trees, prefix);
  await walk.start(treeId);
  for (let file = await walk.next(); file !== undefined; file = await walk.next()) yield file;
}

/** The same in batches, for callers to whom one promise a file costs more than the work on it. */
export async function* walkFilesInBatches(
  trees: TreeReader,
  treeId: ObjectId,
  size: number,
  prefix = '',
): AsyncGenerator<WalkedFile[], void, undefined> {
  const walk = new FileWalk(trees, prefix);
  await walk.start(treeId);
  let batch: WalkedFile[] = [];
  for (;;) {
    const next = walk.next();
    const file = next instanceof Promise ? await next : next;
    if (file === undefined) break;
    batch.push(file);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface Level {
  readonly prefix: string;
  readonly entries: readonly TreeEntry[];
  next: number;
}

class FileWalk {
  readonly #trees: TreeReader;
  readonly #prefix: string;
  readonly #open: Level[] = [];

  constructor(trees: TreeReader, prefix: string) {
    this.#trees = trees;
    this.#prefix = prefix;
  }

  async start(treeId: ObjectId): Promise<void> {
    this.#enter(this.#prefix, (await this.#trees.tree(treeId)).entries);
  }

  /** The next file; undefined at the end. It waits only where a tree must be read. */
  next(): WalkedFile | undefined | Promise<WalkedFile | undefined> {
    const found = this.#advance();
    return found !== undefined && 'unread' in found ? this.#readOn(found) : found;
  }

  /** Up to the next file, or to a directory whose tree has to be read. */
  #advance(): WalkedFile | Unread | undefined {
    for (let level = this.#open.at(-1); level !== undefined; level = this.#open.at(-1)) {
      const entry = level.entries[level.next];
      level.next += 1;
      if (entry === undefined) {
        this.#open.pop();
        continue;
      }
      const path = joinPath(level.prefix, entry.name);
      if (!isTreeMode(entry.mode)) return { path, mode: entry.mode, id: entry.id };
      checkDepth(path, 1);
      const tree = this.#trees.cached(entry.id);
      if (tree === undefined) return { path, unread: entry.id };
      this.#enter(path, tree.entries);
    }
    return undefined;
  }

  #enter(prefix: string, entries: readonly TreeEntry[]): void {
    this.#open.push({ prefix, entries, next: 0 });
  }

  async #readOn(first: Unread): Promise<WalkedFile | undefined> {
    for (let found: WalkedFile | Unread | undefined = first; ; found = this.#advance()) {
      if (found === undefined || !('unread' in found)) return found;
      this.#enter(found.path, (await this.#trees.tree(found.unread)).entries);
    }
  }
}

/** A directory on the way of a walk. */
interface Unread {
  readonly path: string;
  readonly unread: ObjectId;
}
