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
import type { IdSet } from '../git/objectSet.ts';
import type { HistoryShortcuts } from './shortcuts.ts';
import type { StorageUpkeep } from './storageUpkeep.ts';

export interface ObjectHeader {
  readonly type: ObjectType;
  /** Size of the body in bytes. */
  readonly size: number;
}

export interface GitObject {
  readonly type: ObjectType;
  /** The body without Git's header. Shared with caches, unless it is `own`: never write to it. */
  readonly body: Uint8Array;
  /** The caller owns the body and its buffer: no cache or other caller shares them. */
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
 * Gives memory of exactly `size` bytes, which its owner leaves alone until the body has been used.
 * @internal
 */
export type BodyRoom = (size: number) => Buffer;

export interface TryReadOptions {
  /** @internal Gives memory for the body. The store may make the body there, or elsewhere. */
  readonly room?: BodyRoom | undefined;
  /** Size in bytes above which an object counts as large; default: the store's choice. */
  readonly limit?: number | undefined;
}

/** The remote that has the objects a partial clone lacks (`git help partial-clone`). */
export interface Promisor {
  /** Name of the remote. */
  readonly remote: string;
  /** The repository that is the clone. */
  readonly location: string;
}

/**
 * Objects by id. All methods may be called at any time from any number of callers; objects written
 * by other processes are found, also when they have been moved into packs meanwhile.
 */
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
   * As `read`, synchronously: for walks over many small objects, which promises would slow down.
   * @returns `undefined` when the object is not available synchronously (it is not there, it is large,
   *   or something is wrong with it): call `read`
   */
  tryRead(id: ObjectId, options?: TryReadOptions): GitObject | undefined;

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

  /** Set for a partial clone, in which objects may be missing that its remote has. */
  readonly promisor?: Promisor | undefined;

  /** All ids that begin with `prefix` (4 to 40 lowercase hex digits), at most `limit` (default 2). */
  resolve(prefix: string, limit?: number): Promise<ObjectId[]>;

  /**
   * A pack of exactly these objects (gitformat-pack(5), version 2), in memory that does not grow with
   * their sizes. What lies packed is copied as it lies, its checksum compared, with its delta where the
   * base goes into the same pack or is `known`. The order is the store's choice: a base comes before
   * the deltas that name it by distance. Objects that other processes move meanwhile are found.
   * @throws CorruptObjectError before the first chunk when an object is missing; later when one turns
   *   out to be broken: a stream that ends with an error is no pack, and must not be taken for one
   */
  exportPack(objects: IdSet, options?: ExportPackOptions): AsyncIterable<Uint8Array>;

  /** What saves reading objects on walks through history; a storage need not know any of it. */
  readonly history?: HistoryShortcuts;

  /** Starts a writing session. Sessions are independent of each other. */
  writer(): ObjectWriter;

  /**
   * Imports a pack (gitformat-pack(5)) from an untrusted source. Recomputes every id, resolves deltas
   * (their bases may be objects of the store: a *thin* pack), and parses commits, trees and tags, in
   * memory that does not grow with the data. Only `check` sees the objects until it returns; then all
   * of them are visible, and on stable storage where the durability is `full`. A failure leaves nothing
   * of the pack behind.
   * @throws CorruptObjectError when the pack is malformed
   * @throws GitStoreError (`EFBIG`) when it exceeds a limit
   */
  importPack(source: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<ImportedPack>;
}

/** What a walk over objects needs. */
export type ObjectReader = Pick<
  ObjectStore,
  'header' | 'read' | 'tryRead' | 'has' | 'history' | 'promisor'
>;

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
  /** Whether threads wait for work beside what the caller does; absent where there are none. */
  readonly hasIdleThreads?: boolean;

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

  /**
   * Makes everything written durable and visible. The session is over, also when it throws, as it does
   * when anything is lost that `write` has taken.
   * @param outside objects from which all is reached that the session's objects lead to and it did not
   *   write, such as a commit's parents; ids that it wrote may be among them. Left out, nothing is known
   *   of that, and a store that has to put it on stable storage too looks at all it has.
   */
  finish(outside?: Iterable<ObjectId>): Promise<void>;

  /** Drops everything. Does nothing after `finish()` or a second time. */
  abort(): Promise<void>;
}

export interface RefEntry {
  /** Full name, for example `refs/heads/main`. */
  readonly ref: string;
  /** The object it points to; for an annotated tag the tag object, not what it tags. */
  readonly id: ObjectId;
}

/** A ref that is there and has no value that can be told. */
export interface UnreadableRef {
  /** Full name; that of a folder of refs ends in `/`. */
  readonly ref: string;
  /**
   * `dangling`: a symbolic ref to a ref that does not exist. `broken`: what is there names no object,
   * or the system does not let it be read: it may name anything.
   */
  readonly kind: 'dangling' | 'broken';
  /** In a few words, for a message. */
  readonly reason: string;
}

/**
 * What a look at refs has found. What is unreadable is not absent: a caller that deletes what is not in
 * `refs`, or what no ref names, takes them by `requireAll` (refRules.ts).
 */
export interface RefListing {
  /** Sorted by name bytes. */
  readonly refs: readonly RefEntry[];
  readonly unreadable: readonly UnreadableRef[];
}

export interface RefUpdate {
  readonly ref: string;
  /**
   * The value it must have now; null: it must not exist; undefined: any. For a ref that is deleted
   * null means that it must have no value: that it is broken, or leads to a ref that does not exist.
   */
  readonly old?: ObjectId | null | undefined;
  /** The new value; null deletes the ref and its reflog. */
  readonly new: ObjectId | null;
  /** The line for the ref's reflog (and HEAD's, when HEAD names this ref). */
  readonly reflog?: ReflogMessage | undefined;
  /** For a new ref: its log begins with that of this ref, which the same update may delete. */
  readonly logOf?: string | undefined;
  /**
   * Its log begins anew with its newest line, and the others leave HEAD's log. A `logOf`
   * of the same update still gets the whole. A storage may keep more.
   */
  readonly restartsLog?: boolean | undefined;
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
  /**
   * The ref's value, symbolic refs followed; undefined when it does not exist.
   * @throws CorruptObjectError when it is broken; UnreadableRefError when it cannot be read
   */
  get(ref: string): Promise<ObjectId | undefined>;

  /** Whether there is anything of that name, also a broken ref, or one that leads to none. */
  has(ref: string): Promise<boolean>;

  /**
   * All refs whose names begin with `prefix`, and what is there of that name and cannot be read.
   * @throws CorruptObjectError, UnreadableRefError for a file that holds many refs
   */
  list(prefix: string): Promise<RefListing>;

  /**
   * Moves refs, all or none. Every `old` is compared while the refs are locked against all other
   * writers, Git's included. When it returns, every reader sees the new values, and they are on
   * stable storage where the durability is `full`.
   * @throws StaleSnapshotError when an `old` does not fit (`ref` names the first such ref)
   * @throws LockTimeoutError when another process keeps a lock too long
   * @throws InvalidRefNameError for a name Git refuses, or one that collides (`a` and `a/b`)
   */
  update(updates: readonly RefUpdate[]): Promise<void>;

  /**
   * Of these refs those that a push from another store may not delete, by this store's own settings, with
   * the reasons. Without this method all may be deleted.
   */
  deniedDeletions?(refs: readonly string[]): Promise<ReadonlyMap<string, string>>;

  head(): Promise<Head>;

  /** Points HEAD to a branch by its full ref name; the branch need not exist. */
  setHead(ref: string): Promise<void>;

  /** The ref's past, newest first. Lines that cannot be parsed are passed over. */
  reflog(ref: string): AsyncIterable<ReflogEntry>;

  /**
   * Waits for the caller's turn to change `ref`. Gives up when one holder keeps the turn for `timeout`
   * milliseconds, or after ten times that in all. Callers of `GitStore.update` queue here, so that many
   * of them do not starve each other. The turn is advisory: `update` compares in any case. Returns a
   * function that gives the turn back.
   */
  turn(ref: string, timeout: number): Promise<() => void>;
}

/**
 * Small records that only save work, such as stat records. Any of them may disappear at any time or be
 * replaced by another process. So no method here fails, and a reader verifies what it got.
 */
export interface Memos {
  /** Undefined when there is none of that name. @param name letters, digits and `-` */
  read(name: string): Uint8Array | undefined;

  /** Puts it in the place of an older one, in one step. */
  replace(name: string, content: Uint8Array): void;
}

/** `full`: on stable storage before a call returns. `fast`: same order of writes, no fsync. */
export type Durability = 'full' | 'fast';

export interface Storage {
  /** Where it is, for messages and `GitStore.path`. */
  readonly location: string;
  /** The directory on this disk that it is in; absent for one that is elsewhere. */
  readonly folder?: string | undefined;
  /** Equal (`===`) for two storages in one place, as when a repository is open twice. Found anew. */
  readonly identity: unknown;
  readonly objects: ObjectStore;
  readonly refs: RefStore;
  readonly memos: Memos;
  readonly upkeep: StorageUpkeep;
  /**
   * A value that the storage is set to under a name of git-config(1), such as `core.notesRef`; undefined
   * when it is not set. Optional: nothing is.
   */
  setting?(key: string): Promise<string | undefined>;
  /** All values under several names, in the order in which they are set. Optional: nothing is. */
  settings?(keys: readonly string[]): Promise<readonly string[]>;
  /** Releases files, locks and threads. No method may be called afterwards. */
  close(): Promise<void>;
}
