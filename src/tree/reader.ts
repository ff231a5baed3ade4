/**
 * Reads directory trees. A *tree* is one of Git's tree objects: the entries of one directory. The reader
 * caches trees, bounded by bytes. Trees are immutable, so the cache never becomes stale.
 */

import { ByteCache } from '../byteCache.ts';
import { CorruptObjectError } from '../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import {
  entryNeedle,
  type FileMode,
  findTreeEntry,
  isTreeMode,
  MODE_TREE,
  type PlacedEntry,
  parseTree,
  placeTreeEntry,
  type TreeEntry,
} from '../git/objects/tree.ts';
import { replaceId } from '../git/objects/treeWriter.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { GitObject, ObjectReader, ObjectStore } from '../storage/storage.ts';

/**
 * Lookups in one tree that scan its bytes before a table is built for it: at most 16, and one for each
 * `BYTES_PER_SCAN` bytes. Building the table costs about as much as that. A tree on the path of a
 * commit is seen only a few times.
 */
const SCANS_BEFORE_TABLE = 16;
const BYTES_PER_SCAN = 256;

const ZERO_DIGIT = 0x30;

const DEFAULT_CACHE_BYTES = 64 << 20;
/** Bytes of trees cached by path, at most. */
const TREES_BY_PATH_BYTES = 16 << 20;
/** Longer paths, in characters, are not cached by path. */
const LONGEST_PATH = 4096;

/** The entries of one directory. */
export class Tree {
  readonly id: ObjectId;
  /** The object's body. Shared: never write to it. */
  readonly body: Uint8Array;
  #entries: readonly TreeEntry[] | undefined;
  #byName: Map<string, TreeEntry> | undefined;
  #scans = 0;
  /** Result of the last scan. A change of an entry usually follows its lookup. */
  #found: (TreeEntry & PlacedEntry) | undefined;
  readonly #isOurs: boolean;

  /** @param isOurs whether the body was made here, and so is well-formed */
  constructor(id: ObjectId, body: Uint8Array, isOurs = false) {
    this.id = id;
    this.body = body;
    this.#isOurs = isOurs;
  }

  /** All entries in Git's order. Parsed at the first use. */
  get entries(): readonly TreeEntry[] {
    this.#entries ??= parseTree(this.body, this.id);
    return this.#entries;
  }

  get(name: string): TreeEntry | undefined {
    if (this.#found?.name === name) return this.#found;
    if (this.#byName === undefined) {
      const scans = this.#scans++;
      if (scans < SCANS_BEFORE_TABLE && scans * BYTES_PER_SCAN < this.body.length) {
        const place = placeTreeEntry(this.body, entryNeedle(name));
        if (place !== undefined) this.#found = { name, ...place };
        return place && this.#found;
      }
      this.#byName = new Map();
      for (const entry of this.entries) this.#byName.set(entry.name, entry);
    }
    return this.#byName.get(name);
  }

  /**
   * The body with another id in the last entry looked up; undefined when more than the id would have to
   * change.
   */
  withId(name: string, mode: FileMode, id: ObjectId): Buffer | undefined {
    const found = this.#found;
    if (!this.#isOurs || found?.name !== name || found.mode !== mode) return undefined;
    // Old versions of Git wrote `040000`.
    if (this.body[found.start] === ZERO_DIGIT) return undefined;
    return replaceId(this.body, found, id);
  }
}

/** Memory of a cached tree once it is parsed: entries and table are larger than the bytes. */
function memoryOf(tree: Tree): number {
  return 500 + 6 * tree.body.length;
}

/** A reader of trees over any object reader. */
export type AnyTreeReader = TreeReader<ObjectReader>;

export class TreeReader<Objects extends ObjectReader = ObjectStore> {
  readonly objects: Objects;
  readonly #cache: ByteCache<Tree>;
  /** Directory trees by path, for the current root. */
  #treesByPath = new ByteCache<Tree>(TREES_BY_PATH_BYTES, memoryOf);
  #treesByPathRoot: ObjectId | undefined;
  readonly #loading = new Map<ObjectId, Promise<Tree>>();

  /** @param options.cacheBytes memory for cached trees; default 64 MiB */
  constructor(objects: Objects, options: { cacheBytes?: number } = {}) {
    this.objects = objects;
    this.#cache = new ByteCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES, memoryOf);
  }

  /**
   * The tree with this id.
   * @throws CorruptObjectError when it is missing or not a tree
   */
  tree(id: ObjectId): Promise<Tree> {
    const cached = this.cached(id);
    return cached === undefined ? this.#load(id) : Promise.resolve(cached);
  }

  /** The tree, if it is cached. */
  cached(id: ObjectId): Tree | undefined {
    return this.#cache.get(id) ?? (id === EMPTY_TREE_ID ? EMPTY_TREE : undefined);
  }

  /** As `tree`, synchronously; `undefined`: call `tree`. */
  tryTree(id: ObjectId): Tree | undefined {
    return this.cached(id) ?? this.#tryLoad(id);
  }

  /** Caches a tree that was just made, so that it need not be read back. */
  remember(id: ObjectId, body: Uint8Array): void {
    this.#cache.set(id, new Tree(id, body, true));
  }

  /**
   * The entry at a normalized path below the tree `root`; undefined when there is none, also when a
   * file or a link stands where the path has a directory. The empty path gives an entry with the
   * empty name for the root itself.
   * @throws CorruptObjectError
   */
  async lookup(root: ObjectId, path: string): Promise<TreeEntry | undefined> {
    if (path === '') return { name: '', mode: MODE_TREE, id: root };
    let id = root;
    let start = 0;
    for (;;) {
      const slash = path.indexOf('/', start);
      const tree = this.cached(id) ?? (await this.#load(id));
      const entry = tree.get(slash < 0 ? path.slice(start) : path.slice(start, slash));
      if (slash < 0 || entry === undefined) return entry;
      if (!isTreeMode(entry.mode)) return undefined;
      id = entry.id;
      start = slash + 1;
    }
  }

  /** As `lookup`, synchronously; `undefined` also where a tree must be read asynchronously. */
  tryLookup(root: ObjectId, path: string): TreeEntry | undefined {
    if (path.length > LONGEST_PATH) return undefined;
    const slash = path.lastIndexOf('/');
    const tree = this.#tryDirectory(root, slash < 0 ? '' : path.slice(0, slash));
    return tree?.get(path.slice(slash + 1));
  }

  /** The tree of a directory, cached by path for the current root. */
  #tryDirectory(root: ObjectId, path: string): Tree | undefined {
    if (this.#treesByPathRoot !== root) {
      this.#treesByPathRoot = root;
      this.#treesByPath = new ByteCache(TREES_BY_PATH_BYTES, memoryOf);
    }
    // Start at the nearest cached directory.
    let end = path.length;
    let tree = this.#treesByPath.get(path);
    while (tree === undefined && end > 0) {
      end = Math.max(0, path.lastIndexOf('/', end - 1));
      tree = this.#treesByPath.get(path.slice(0, end));
    }
    tree ??= this.#tryKeep('', root);
    while (tree !== undefined && end < path.length) {
      const start = end === 0 ? 0 : end + 1;
      const slash = path.indexOf('/', start);
      end = slash < 0 ? path.length : slash;
      const entry = tree.get(path.slice(start, end));
      if (entry === undefined || !isTreeMode(entry.mode)) return undefined;
      tree = this.#tryKeep(path.slice(0, end), entry.id);
    }
    return tree;
  }

  #tryKeep(path: string, id: ObjectId): Tree | undefined {
    const tree = this.tryTree(id);
    if (tree !== undefined) this.#treesByPath.set(path, tree);
    return tree;
  }

  /**
   * The body of a tree, synchronously and without caching: for long walks, which visit each tree once.
   * `undefined`: call `tree`.
   */
  tryBody(id: ObjectId): Uint8Array | undefined {
    const cached = this.cached(id);
    if (cached !== undefined) return cached.body;
    const object = this.objects.tryRead(id);
    return object?.type === 'tree' ? object.body : undefined;
  }

  /**
   * One entry of a tree, without caching: for long walks, which visit each tree once.
   * @throws CorruptObjectError when the tree is missing or no tree
   */
  async entryOf(id: ObjectId, name: string): Promise<TreeEntry | undefined> {
    const cached = this.cached(id);
    if (cached !== undefined) return cached.get(name);
    const object = this.objects.tryRead(id) ?? (await this.objects.read(id));
    return findTreeEntry(treeBody(this.objects, object, id), name);
  }

  /** Reads a tree. Concurrent callers share the read. */
  #load(id: ObjectId): Promise<Tree> {
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#read(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    return loading;
  }

  #tryLoad(id: ObjectId): Tree | undefined {
    const object = this.objects.tryRead(id);
    if (object?.type !== 'tree') return undefined;
    const tree = new Tree(id, object.body);
    this.#cache.set(id, tree);
    return tree;
  }

  async #read(id: ObjectId): Promise<Tree> {
    const object = this.objects.tryRead(id) ?? (await this.objects.read(id));
    const tree = new Tree(id, treeBody(this.objects, object, id));
    this.#cache.set(id, tree);
    return tree;
  }
}

function treeBody(objects: ObjectReader, object: GitObject | undefined, id: ObjectId): Uint8Array {
  if (object?.type === 'tree') return object.body;
  if (object === undefined) throw missingObject(objects, id, 'Tree');
  const fault = `Object ${id} is a ${object.type}, not a tree`;
  throw new CorruptObjectError(fault, { objectId: id });
}

const EMPTY_TREE = new Tree(EMPTY_TREE_ID, new Uint8Array(0));
