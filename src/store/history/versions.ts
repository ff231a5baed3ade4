/**
 * The versions of files in a history: the contents of paths by commit. Looks at each tree of a directory once,
 * and there only at the entries that differ from the tree looked at before it.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { isTreeMode, MODE_TREE, parseTree, type TreeEntry } from '../../git/objects/tree.ts';
import { type ComparedTree, entriesNotIn } from '../../git/objects/treeDifference.ts';
import { baseName, checkDepth, joinPath, parentPath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { walkFilesInBatches } from '../../tree/walk.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { HistoryQueue } from './historyQueue.ts';

type Entry = Pick<TreeEntry, 'id' | 'mode'>;

/** A version of a file at a path. */
export interface FileVersion {
  readonly path: string;
  readonly entry: Entry;
  /** The newest commit that holds it. */
  readonly last: ObjectId;
}

interface VersionOptions {
  /** Only what is at this path or below it. */
  readonly path?: string | undefined;
  /** Whether to go on to the versions of earlier commits. */
  readonly history?: boolean | undefined;
  /** Only the newest version of each path. */
  readonly newest?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Versions that are given out together. */
const BATCH = 256;

/**
 * Every version of every file, without duplicates, in batches: first those of the snapshot by path, then
 * those that later commits have replaced or removed, newest commits first.
 */
export async function* versionsOf(
  snapshot: Snapshot,
  { path = '', history, newest = false, signal }: VersionOptions = {},
): AsyncGenerator<FileVersion[], void, undefined> {
  const { store, id, commit } = snapshot;
  if (!history) {
    yield* filesOf(snapshot, path);
    return;
  }
  const walk = new VersionWalk(store.trees, path, newest);
  const queue = new HistoryQueue(store);
  queue.add(id, commit);
  let batch: FileVersion[] = [];
  for (let count = 1, next = queue.next(); ; count++, next = queue.next()) {
    const at = next instanceof Promise ? await next : next;
    if (at === undefined) break;
    if (count % 64 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    const started = walk.start(at.tree);
    if (started !== undefined) await started;
    for (;;) {
      const found = walk.next();
      const version = found instanceof Promise ? await found : found;
      if (version === undefined) break;
      batch.push({ ...version, last: at.id });
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function* filesOf(
  { store, id, commit }: Snapshot,
  start: string,
): AsyncGenerator<FileVersion[], void, undefined> {
  const { trees } = store;
  const top = await trees.lookup(commit.tree, start);
  if (top === undefined) return;
  if (!isTreeMode(top.mode)) {
    yield [{ path: start, entry: top, last: id }];
    return;
  }
  for await (const files of walkFilesInBatches(trees, top.id, BATCH, start)) {
    yield files.map((file) => ({ path: file.path, entry: file, last: id }));
  }
}

type Version = Pick<FileVersion, 'path' | 'entry'>;

/** A directory by its path, in all commits. */
class Directory {
  readonly path: string;
  /** The tree that was looked at last. */
  last: ComparedTree | undefined;
  readonly #trees = new Set<ObjectId>();
  readonly #told = new Set<string>();
  readonly #below = new Map<string, Directory>();

  constructor(path: string) {
    this.path = path;
  }

  below(name: string): Directory {
    let directory = this.#below.get(name);
    if (directory === undefined) {
      const path = joinPath(this.path, name);
      checkDepth(path, 1);
      directory = new Directory(path);
      this.#below.set(name, directory);
    }
    return directory;
  }

  has(tree: ObjectId): boolean {
    return this.#trees.has(tree);
  }

  /** The entries of a tree that may be new. */
  take(tree: ComparedTree): readonly TreeEntry[] {
    const { last } = this;
    this.#trees.add(tree.id);
    this.last = tree;
    return last === undefined ? parseTree(tree.body, tree.id) : entriesNotIn(last, tree);
  }

  /** Whether the version is asked for the first time. */
  isNew(version: string): boolean {
    const { size } = this.#told;
    this.#told.add(version);
    return this.#told.size > size;
  }
}

interface Level {
  readonly directory: Directory;
  readonly entries: readonly TreeEntry[];
  next: number;
}

/** Walks the trees of one commit after another, and gives out what is new in each. */
class VersionWalk {
  readonly #trees: TreeReader;
  readonly #start: Directory;
  readonly #newest: boolean;
  readonly #open: Level[] = [];
  /** Holds the file that is at the start in some commits. */
  readonly #holder: Directory;

  /** @param newest tell each path once */
  constructor(trees: TreeReader, start: string, newest: boolean) {
    this.#trees = trees;
    this.#start = new Directory(start);
    this.#holder = new Directory(parentPath(start));
    this.#newest = newest;
  }

  /** Begins with the tree of a commit. Await what it returns. */
  start(root: ObjectId): Promise<void> | undefined {
    const start = this.#start;
    if (start.path !== '') return this.#startBelow(root);
    return start.has(root) ? undefined : this.#enter(start, root);
  }

  async #startBelow(root: ObjectId): Promise<void> {
    const { path } = this.#start;
    let entry: Entry | undefined = { id: root, mode: MODE_TREE };
    for (const name of path.split('/')) {
      if (!isTreeMode(entry.mode)) return;
      entry = await this.#trees.entryOf(entry.id, name);
      if (entry === undefined) return;
    }
    if (!isTreeMode(entry.mode)) {
      const file = { ...entry, name: baseName(path) };
      this.#open.push({ directory: this.#holder, entries: [file], next: 0 });
    } else if (!this.#start.has(entry.id)) await this.#enter(this.#start, entry.id);
  }

  /** The next version that is new; undefined at the end of the commit. */
  next(): Version | undefined | Promise<Version | undefined> {
    for (let level = this.#open.at(-1); level !== undefined; level = this.#open.at(-1)) {
      const entry = level.entries[level.next];
      level.next += 1;
      if (entry === undefined) {
        this.#open.pop();
        continue;
      }
      const { directory } = level;
      const { name, mode, id } = entry;
      if (!isTreeMode(mode)) {
        const version = this.#newest ? name : `${name}\0${mode} ${id}`;
        if (directory.isNew(version)) return { path: joinPath(directory.path, name), entry };
        continue;
      }
      const below = directory.below(name);
      if (below.has(id)) continue;
      const reading = this.#enter(below, id);
      if (reading !== undefined) return reading.then(() => this.next());
    }
    return undefined;
  }

  #enter(directory: Directory, id: ObjectId): Promise<void> | undefined {
    const body = this.#trees.tryBody(id);
    if (body === undefined) {
      return this.#trees.tree(id).then((tree) => this.#push(directory, tree));
    }
    this.#push(directory, { id, body });
    return undefined;
  }

  #push(directory: Directory, tree: ComparedTree): void {
    this.#open.push({ directory, entries: directory.take(tree), next: 0 });
  }
}
