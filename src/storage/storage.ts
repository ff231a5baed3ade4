/**
 * The seam between gitstore and the place where a store lives. Everything above `storage/` knows
 * only these interfaces; what a loose object, a pack or a lock file is stays below them.
 *
 * Nouns. An *object* is one of Git's four kinds, named by the SHA-1 of its header and body. A *ref*
 * is a full name (`refs/heads/main`) that points to an object. A *reflog* is the list of a ref's
 * past values. `HEAD` is the one symbolic ref this interface knows: it names the current branch.
 *
 * Made to fit a shared object store too: packs are the unit of upload (one `ObjectWriter` session),
 * refs move by compare-and-swap.
 */
import type { Identity } from '../git/commit.ts';
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import type { IdSet, ObjectSet } from '../git/objectSet.ts';
import type { TreeEntry } from '../git/tree.ts';
import type { Pace } from './pace.ts';

export interface ObjectHeader {
  readonly type: ObjectType;
  /** Size of the body in bytes. */
  readonly size: number;
}

export interface GitObject {
  readonly type: ObjectType;
  /** The body without Git's header. Shared with caches, unless it is `own`: never write to it. */
  readonly body: Uint8Array;
  /** Nobody else has the body, nor the memory it lies in. */
  readonly own?: boolean;
}

/** What `readMany` gives. */
export interface ReadAhead extends ObjectHeader {
  /** Undefined for a large object. Never write to it. */
  readonly body?: Uint8Array | undefined;
}

/** A part of a blob in bytes. Past the end it is cut, as `Uint8Array.subarray` does. */
export interface ByteRange {
  /** First byte, 0 or more; default 0. */
  readonly offset?: number | undefined;
  /** How many bytes at most; default to the end. */
  readonly size?: number | undefined;
}

/**
 * Objects by id. All methods may be called at any time from any number of callers; objects written
 * by other processes are found, also when they have been moved into packs meanwhile.
 */
/** Memory of exactly `size` bytes, which its owner leaves alone until the body has been used. */
export type BodyRoom = (size: number) => Buffer;

export interface ObjectStore {
  /**
   * Type and size, without reading the body where that can be avoided; undefined when the object
   * is not there.
   * @throws CorruptObjectError
   */
  header(id: ObjectId): Promise<ObjectHeader | undefined>;

  /**
   * The whole object, checked: its id recomputed and compared, or the checksum of its stored bytes
   * where that is known to be the one they were stored with. Undefined when it is not there.
   * @throws CorruptObjectError when the bytes there are not that object
   */
  read(id: ObjectId): Promise<GitObject | undefined>;

  /**
   * As `read`, where nothing has to be waited for: a promise costs as much as a small object. Undefined
   * says nothing. Optional.
   * @param room gives memory for a body of so many bytes; the body may be made there, or elsewhere
   */
  readAtOnce?(id: ObjectId, room?: BodyRoom): GitObject | undefined;

  /**
   * The body, or a range of it, in chunks of at most 1 MiB and in memory that does not grow with the
   * object. A stream of the whole body checks the id and fails before its last chunk when it does
   * not fit. Undefined when the object is not there.
   * @throws CorruptObjectError from the stream
   */
  readStream(id: ObjectId, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | undefined>;

  /**
   * The objects with these ids in their order, undefined for those that are not there. Small ones come
   * with their body, each checked; large ones (above 16 MiB) only with type and size, to be read as a
   * stream. It reads ahead, on other threads where that is faster: for reading a whole tree.
   * @param ids in groups of any size
   * @returns groups of other sizes; their bodies are good until the next group is asked for
   * @throws CorruptObjectError
   */
  readMany(
    ids: AsyncIterable<readonly ObjectId[]>,
  ): AsyncIterable<readonly (ReadAhead | undefined)[]>;

  has(id: ObjectId): Promise<boolean>;

  /** All ids that begin with `prefix` (4 to 40 lowercase hex digits), at most `limit` (default 2). */
  resolve(prefix: string, limit?: number): Promise<ObjectId[]>;

  /**
   * The object whose id is the 20 bytes at `at`, when it can be had at once: for walks over many small
   * objects, which promises would slow down. Undefined when it has to be waited for, or looked for:
   * `read` has the answer then. Its id is not recomputed, only the checksum of its compressed data is.
   * @throws CorruptObjectError
   */
  readNow(ids: Uint8Array, at: number): GitObject | undefined;

  /**
   * What the commit whose id is the 20 bytes at `at` leads to, when the store has a record of it that
   * saves reading the objects (Git's reachability bitmaps). Stores need not have any.
   */
  reachOf?(ids: Uint8Array, at: number): ReachRecord | undefined;

  /**
   * A pack of exactly these objects (gitformat-pack(5), version 2), in memory that does not grow with
   * their sizes. What lies packed is copied as it lies, its checksum compared, with its delta where the
   * base goes into the same pack or is `known`. The order is the store's choice: a base comes before
   * the deltas that name it by distance. Objects that other processes move meanwhile are found.
   * @throws CorruptObjectError before the first chunk when an object is missing; later when one turns
   *   out to be broken: a stream that ends with an error is no pack, and must not be taken for one
   */
  exportPack(objects: IdSet, options?: ExportPackOptions): AsyncIterable<Uint8Array>;

  /**
   * Hands the body of a commit to `use` at once, where nothing has to be waited for, checked as `read`
   * checks: it lies in `bytes` from `start` to `end`, and only as long as `use` runs. A way to walk a
   * long history that costs less than reading it. Undefined says nothing. Optional.
   */
  commitNow?<T>(
    id: ObjectId,
    use: (bytes: Buffer, start: number, end: number) => T | undefined,
  ): T | undefined;

  /**
   * Prepares to look for one name in many trees that differ little from each other, as those of a
   * history do. Optional.
   */
  entryProbe?(name: string): EntryProbe;

  /**
   * What the store knows about the shape of its history beside the commits themselves; undefined when
   * it knows nothing. A storage without such knowledge has no such method.
   */
  commitGraph?(): CommitGraph | undefined;

  /**
   * Commits that are here without their parents, as where Git has cloned with a limit; what holds now.
   * A storage that keeps whole histories only has no such method.
   */
  shallow?(): ReadonlySet<ObjectId>;

  /** Starts a writing session. Sessions are independent of each other. */
  writer(): ObjectWriter;

  /**
   * Takes a pack (gitformat-pack(5)) from somebody who need not be trusted. Every id is computed
   * anew, deltas are resolved (their bases may be objects the store has: a *thin* pack), commits,
   * trees and tags are parsed, all in memory that does not grow with the data. The objects are seen
   * by nobody but `check` until it returned; then all of them are visible, and on stable storage where
   * the durability is `full`. When anything fails nothing of the pack stays.
   * @throws CorruptObjectError when it is no sound pack
   * @throws GitStoreError (`EFBIG`) when it passes a limit
   */
  importPack(source: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<ImportedPack>;
}

/** What a walk over objects needs. */
export type ObjectReader = Pick<ObjectStore, 'header' | 'read' | 'readNow' | 'has' | 'reachOf'>;

export interface ImportOptions {
  /**
   * Looks at the objects before any of them becomes visible, and throws when they must not: whether
   * all that they lead to is there is for it to find out.
   */
  readonly check?: ((incoming: IncomingPack) => Promise<void>) | undefined;
  /**
   * Whether the source must end with the pack; default true. False for a connection on which the
   * other side waits for an answer: no byte after the pack is asked for.
   */
  readonly toEnd?: boolean | undefined;
  readonly limits?: ImportLimits | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportLimits {
  /** Bytes of the pack; default: any number. */
  readonly packBytes?: number | undefined;
  /** Objects in the pack; default: any number. */
  readonly objects?: number | undefined;
  /**
   * Bytes of an object that has to be built in memory (a commit, tree or tag, or what a delta makes);
   * default 512 MiB, the size above which Git makes no deltas.
   */
  readonly objectBytes?: number | undefined;
}

export interface ImportProgress {
  /** Objects that have come in, of `totalObjects`. */
  readonly objects: number;
  readonly totalObjects: number;
  /** Bytes of the pack that have come in. */
  readonly bytes: number;
}

/** The objects of a pack before they are visible. */
export interface IncomingPack {
  readonly count: number;
  /** Whether the object is in the pack. */
  holds(id: ObjectId): boolean;
  /**
   * What objects of the pack point to and the pack does not hold (submodules' commits aside), each
   * once. Where it is empty, all that the pack's objects lead to is in the pack.
   */
  outside(): IterableIterator<{ readonly id: ObjectId; readonly type: ObjectType }>;
  /** The store as it will be with the pack: its objects and those that are there already. */
  readonly objects: ObjectReader;
}

export interface ImportedPack {
  /** How many objects the pack held. */
  readonly count: number;
  /** Its size in bytes, as it came. */
  readonly bytes: number;
}

/**
 * The entry of the name in a tree, where it can be had at once; null: the tree has none. Undefined
 * says nothing: read the tree. The tree's id need not have been checked, only that its data is as it
 * was written.
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
  /** Larger than those of all ancestors; 0 where nobody has computed it. */
  generation(position: number): number;
  /**
   * Makes a question about a path: may the commit at a position have changed what stands there, or
   * below it, against its first parent? False is certain.
   * @param path normalized
   */
  changesOf(path: string): (position: number) => boolean;
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

export interface ExportPackOptions {
  /** Objects that the receiver has, so that deltas against them can be sent (a *thin* pack). */
  readonly known?: IdSet | undefined;
  /** Whether deltas may name their base by its distance, which is shorter; default true. */
  readonly offsetDeltas?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Now and then: how many objects are in the chunks so far. */
  readonly onProgress?: ((written: number) => void) | undefined;
}

/**
 * One writing session. Nothing is promised about its objects until `finish()` has returned; then
 * all of them are visible to every reader, and on stable storage where the storage's durability is
 * `full`. After `abort()`, or a crash before `finish()` returned, none needs to exist and nothing
 * half-written is ever visible. An object the store already has is not written again.
 */
export interface ObjectWriter {
  /**
   * Takes a whole object and returns its id. It waits only as long as too much work is queued.
   * The bytes may be read until `finish()` returns: the caller must not change them.
   */
  write(type: ObjectType, body: Uint8Array): Promise<ObjectId>;

  /**
   * Takes a blob of any size from a stream, in fixed memory.
   * @param size the size in bytes when it is known; without it the stream is spooled to disk first,
   *   because an object id begins with the size.
   * @throws GitStoreError when the stream holds another number of bytes than `size`; the session
   *   stays usable and the blob is not part of it
   */
  writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId>;

  /** Makes everything written durable and visible. The session is over, also when it throws. */
  finish(): Promise<void>;

  /** Drops everything. Does nothing after `finish()` or a second time. */
  abort(): Promise<void>;
}

export interface RefEntry {
  /** Full name, for example `refs/heads/main`. */
  readonly ref: string;
  /** The object it points to; for an annotated tag the tag object, not what it tags. */
  readonly id: ObjectId;
}

export interface RefUpdate {
  readonly ref: string;
  /** The value it must have now; null: it must not exist; undefined: any. */
  readonly old?: ObjectId | null | undefined;
  /** The new value; null deletes the ref and its reflog. */
  readonly new: ObjectId | null;
  /** The line for the ref's reflog (and HEAD's, when HEAD names this ref). */
  readonly reflog?: ReflogMessage | undefined;
}

export interface ReflogMessage {
  readonly who: Identity;
  /** One line. */
  readonly message: string;
}

export interface ReflogEntry {
  /** Value before; null where the ref was created. */
  readonly old: ObjectId | null;
  /** Value after; null where the ref was deleted. */
  readonly new: ObjectId | null;
  readonly who: Identity;
  readonly message: string;
}

/** What HEAD says: a branch's full ref name (the branch may not exist yet), or a bare commit. */
export type Head = { readonly ref: string } | { readonly id: ObjectId };

export interface RefStore {
  /** The ref's value, symbolic refs followed; undefined when it does not exist. */
  get(ref: string): Promise<ObjectId | undefined>;

  /** All refs whose names begin with `prefix`, sorted by name bytes. Broken refs are left out. */
  list(prefix: string): Promise<RefEntry[]>;

  /**
   * Moves refs, all or none. Every `old` is compared while the refs are locked against all other
   * writers, Git's included. When it returns, every reader sees the new values, and they are on
   * stable storage where the durability is `full`.
   * @throws StaleSnapshotError when an `old` does not fit (`ref` names the first such ref)
   * @throws LockTimeoutError when another process keeps a lock too long
   * @throws InvalidRefNameError for a name Git refuses, or one that collides (`a` and `a/b`)
   */
  update(updates: readonly RefUpdate[]): Promise<void>;

  head(): Promise<Head>;

  /** Points HEAD to a branch by its full ref name; the branch need not exist. */
  setHead(ref: string): Promise<void>;

  /** The ref's past, newest first. Lines that cannot be parsed are passed over. */
  reflog(ref: string): AsyncIterable<ReflogEntry>;

  /**
   * Waits politely for one's turn to change `ref`, at most `timeout` milliseconds; the callers of
   * `GitStore.update` queue here, so that many of them do not starve each other. It excludes nobody:
   * `update` compares in any case. Returns how to give the turn back.
   */
  turn(ref: string, timeout: number): Promise<() => void>;
}

/**
 * Small pieces of knowledge that only save work: stat records, for example. Any of them may be gone
 * at any time, or be another process's; so nothing here fails, and whoever reads one checks that it
 * is whole.
 */
export interface Memos {
  /** Undefined when there is none of that name. @param name letters, digits and `-` */
  read(name: string): Uint8Array | undefined;

  /** Puts it in the place of an older one, in one step. */
  replace(name: string, content: Uint8Array): void;
}

/** `full`: on stable storage before a call returns. `fast`: same order of writes, no fsync. */
export type Durability = 'full' | 'fast';

/** What a storage holds, others that it borrows from left out. */
export interface StorageSize {
  /** How many objects; one with several copies counts for each. */
  readonly objects: number;
  /** How many of them lie by themselves. */
  readonly looseObjects: number;
  readonly packs: number;
  /** Of objects, packs and their indexes, in bytes. */
  readonly bytes: number;
}

/** How far long work on a whole storage has come. */
export interface UpkeepProgress {
  readonly phase: 'count' | 'compress' | 'write' | 'check';
  /** Objects done so far in this phase, and in all. */
  readonly objects: number;
  readonly totalObjects: number;
}

export interface UpkeepOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UpkeepProgress) => void) | undefined;
}

export interface CollectionOptions extends UpkeepOptions {
  /**
   * What nothing refers to goes when it was last used before this: milliseconds since the epoch,
   * `Infinity` for all of it, `-Infinity` for none. Default: what the storage is set to, else 14 days
   * before now.
   */
  readonly expire?: number | undefined;
  /** Nobody is watching: a failure is kept where `isCrowded` finds it, and does not ask again soon. */
  readonly automatic?: boolean | undefined;
}

export interface CollectionResult {
  /** Objects that are gone for good. */
  readonly pruned: number;
  /** Files that killed processes had left. */
  readonly temporaryFiles: number;
}

/** One thing that is wrong with a storage. */
export interface StorageFault {
  /** The object, file or ref concerned: an id, a path below the storage, a full ref name. */
  readonly subject: string;
  /** What is wrong with it, in words. */
  readonly problem: string;
}

export interface CheckResult {
  /** Objects whose bytes were checked. */
  readonly objects: number;
  readonly packs: number;
  readonly refs: number;
  readonly reflogEntries: number;
  readonly faults: readonly StorageFault[];
}

/**
 * Work on a storage as a whole. All of it may run beside readers and writers, of any process; nothing
 * that anybody needs is removed before its replacement is on stable storage.
 */
export interface StorageUpkeep {
  size(): Promise<StorageSize>;

  /**
   * Puts what lies by itself, and what is in many small packs, into one pack.
   * @throws LockTimeoutError when another process is at such work
   */
  pack(options?: UpkeepOptions): Promise<void>;

  /**
   * Writes everything that refs, their logs and heads reach into one well packed pack, and removes
   * what has been unreachable for long enough.
   * @throws LockTimeoutError when another process is at such work
   * @throws CorruptObjectError when something reachable is missing or broken; nothing is removed then
   */
  collect(options?: CollectionOptions): Promise<CollectionResult>;

  /** Reads and checks everything. What is wrong is in the result, not thrown. */
  check(options?: UpkeepOptions): Promise<CheckResult>;

  /** Whether so much lies about that `collect` is due. Estimated; takes a few milliseconds at most. */
  isCrowded(): boolean;
}

export interface Storage {
  /** Where it is, for messages and `GitStore.path`. */
  readonly location: string;
  readonly objects: ObjectStore;
  readonly refs: RefStore;
  readonly memos: Memos;
  readonly upkeep: StorageUpkeep;
  /** Releases files, locks and threads. No method may be called afterwards. */
  close(): Promise<void>;
}
