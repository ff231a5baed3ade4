/**
 * The seam between gitstore and the implementations that keep a store. Code above `storage/` knows only
 * these interfaces, and nothing of loose objects, packs or lock files.
 *
 * Nouns. An *object* is one of Git's four kinds, named by the SHA-1 of its header and body. A *ref*
 * is a full name (`refs/heads/main`) that points to an object. A *reflog* is the list of a ref's
 * past values. `HEAD` is the one symbolic ref this interface knows: it names the current branch.
 *
 * The design also fits shared object storage: packs are the unit of upload (one `ObjectWriter` session),
 * and refs move by compare-and-swap.
 */

import type { ObjectId, ObjectType } from '../git/objectId.ts';
import type { IdSet } from '../git/objectSet.ts';
import type { Identity } from '../git/objects/commit.ts';
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
  /** @internal The id that its bytes were found to have. */
  provenId?: ObjectId;
}

/** An object from `readMany`. */
export interface ReadAhead extends ObjectHeader {
  /** Undefined for a large object. Never write to it. */
  readonly body?: Uint8Array | undefined;
}

/** A part of a blob in bytes. Clamped at the end, as by `Uint8Array.subarray`. */
export interface ByteRange {
  /** First byte, 0 or more; default 0. */
  readonly offset?: number | undefined;
  /** Number of bytes, at most; default to the end. */
  readonly size?: number | undefined;
}

/**
 * Returns memory of exactly `size` bytes. Its owner must not touch it until the body has been used.
 * @internal
 */
export type BodyRoom = (size: number) => Buffer;

export interface TryReadOptions {
  /** @internal Provides memory for the body. The store may use it or other memory. */
  readonly room?: BodyRoom | undefined;
  /** Size in bytes above which an object counts as large; default: the store's choice. */
  readonly limit?: number | undefined;
  /**
   * Whether the caller goes on to other versions of the object, which may be deltas of this one: the store
   * keeps it in memory. `room` is not used then.
   */
  readonly keep?: boolean | undefined;
}

/** The remote that has the objects a partial clone lacks (`git help partial-clone`). */
export interface Promisor {
  /** Name of the remote. */
  readonly remote: string;
  /** The repository that is the clone. */
  readonly location: string;
}

/**
 * Objects by id. Any number of callers may call any method at any time. Objects written by other
 * processes are found, even when they have been moved into packs meanwhile.
 */
export interface ObjectStore {
  /**
   * Type and size. Avoids reading the body when possible. Undefined when the object is missing.
   * @throws CorruptObjectError
   */
  header(id: ObjectId): Promise<ObjectHeader | undefined>;

  /**
   * The whole object, verified: by its id, or by the checksum of its stored bytes when that is known to
   * be the original one. Undefined when the object is missing.
   * @throws CorruptObjectError when the stored bytes are not that object
   */
  read(id: ObjectId): Promise<GitObject | undefined>;

  /**
   * As `read`, synchronously: for walks over many small objects, which promises would slow down.
   * @returns `undefined` when the object is not available synchronously (it is missing, large or
   *   broken): call `read`
   */
  tryRead(id: ObjectId, options?: TryReadOptions): GitObject | undefined;

  /**
   * The body, or a range of it, in chunks of at most 1 MiB and in memory that does not grow with the
   * object. A stream of the whole body verifies the id and fails before its last chunk on a mismatch.
   * Undefined when the object is missing.
   * @throws CorruptObjectError from the stream
   */
  readStream(id: ObjectId, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | undefined>;

  /**
   * The objects with these ids in the same order, undefined for missing ones. Small ones come with their
   * verified body; large ones (above 16 MiB) only with type and size, to be read as a stream. Reads ahead,
   * on other threads when that is faster. For reading a whole tree.
   * @param ids in groups of any size
   * @returns groups of other sizes; their bodies are valid until the next group is requested
   * @throws CorruptObjectError
   */
  readMany(
    ids: AsyncIterable<readonly ObjectId[]>,
  ): AsyncIterable<readonly (ReadAhead | undefined)[]>;

  /**
   * Tells which objects are read soon, in any order: a storage that is far away fetches them ahead, in few
   * requests. Absent where that is no gain. Never rejects: a later read reports what is wrong.
   * @returns ends the fetching of what was not read
   */
  expect?(ids: readonly ObjectId[]): Promise<() => void>;

  has(id: ObjectId): Promise<boolean>;

  /** Set for a partial clone, which may lack objects that its remote has. */
  readonly promisor?: Promisor | undefined;

  /** All ids that begin with `prefix` (4 to 40 lowercase hex digits), at most `limit` (default 2). */
  resolve(prefix: string, limit?: number): Promise<ObjectId[]>;

  /**
   * A pack of exactly these objects (gitformat-pack(5), version 2), in memory that does not grow with
   * their sizes. Copies packed entries unchanged after verifying their checksums, with their deltas when
   * the base goes into the same pack or is `known`. The store chooses the order: a base comes before the
   * deltas that name it by distance. Finds objects that other processes move meanwhile.
   * @throws CorruptObjectError before the first chunk when an object is missing; later when one turns out
   *   to be broken. A stream that ends with an error is not a valid pack.
   */
  exportPack(objects: IdSet, options?: ExportPackOptions): AsyncIterable<Uint8Array>;

  /** Optional shortcuts that save reading objects on walks through history. */
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

/** The part of a store that walks over objects need. */
export type ObjectReader = Pick<
  ObjectStore,
  'header' | 'read' | 'tryRead' | 'has' | 'history' | 'promisor'
>;

export interface ImportOptions {
  /**
   * Inspects the objects before any of them becomes visible, and throws to refuse them. It must check
   * itself that everything they refer to exists.
   */
  readonly check?: ((incoming: IncomingPack) => Promise<void>) | undefined;
  /**
   * Whether the source must end with the pack; default true. False for a connection on which the other
   * side waits for an answer: then no byte after the pack is read.
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
   * Bytes of an object that must be built in memory (a commit, tree or tag, or the result of a delta);
   * default 512 MiB, the size above which Git makes no deltas.
   */
  readonly objectBytes?: number | undefined;
}

export interface ImportProgress {
  /** Objects received, of `totalObjects`. */
  readonly objects: number;
  readonly totalObjects: number;
  /** Bytes of the pack received. */
  readonly bytes: number;
}

/** The objects of a pack before they are visible. */
export interface IncomingPack {
  readonly count: number;
  /** Whether the object is in the pack. */
  holds(id: ObjectId): boolean;
  /**
   * Objects that the pack's objects refer to and the pack does not hold, without duplicates and without
   * submodules' commits. When it is empty, the pack is closed under references.
   */
  outside(): IterableIterator<{ readonly id: ObjectId; readonly type: ObjectType }>;
  /** The store as it will be with the pack: the pack's objects and the existing ones. */
  readonly objects: ObjectReader;
}

export interface ImportedPack {
  /** Number of objects in the pack. */
  readonly count: number;
  /** Bytes received. */
  readonly bytes: number;
}

export interface ExportPackOptions {
  /** Objects that the receiver has, which deltas may use as bases (a *thin* pack). */
  readonly known?: IdSet | undefined;
  /** Whether deltas may name their base by its distance, which is shorter; default true. */
  readonly offsetDeltas?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called periodically with the number of objects in the chunks so far. */
  readonly onProgress?: ((written: number) => void) | undefined;
}

/**
 * One writing session. Its objects have no guarantee until `finish()` returns; then all of them are
 * visible to every reader, and on stable storage where the storage's durability is `full`. After
 * `abort()`, or a crash before `finish()` returns, they may not exist, and nothing half-written is ever
 * visible. An object that the store already has is not written again.
 */
export interface ObjectWriter {
  /** Whether threads are idle; absent where there are none. */
  readonly hasIdleThreads?: boolean;

  /**
   * Accepts a whole object and returns its id. Waits only while too much work is queued. The bytes may
   * be read until `finish()` returns: the caller must not change them.
   */
  write(type: ObjectType, body: Uint8Array): Promise<ObjectId>;

  /**
   * Accepts a blob of any size from a stream, in fixed memory.
   * @param size the size in bytes when it is known. Without it the stream is spooled to disk first,
   *   because the hash of an object begins with the size.
   * @throws GitStoreError when the stream has another number of bytes than `size`; the session stays
   *   usable and the blob is not part of it
   */
  writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId>;

  /**
   * Makes everything written durable and visible. Throws when anything accepted by `write` is lost. Ends
   * the session in any case.
   * @param outside existing objects that lead to everything the session's objects refer to outside the
   *   session, such as a commit's parents; may contain ids of the session. When omitted, a store that must
   *   put those objects on stable storage too has to examine all it holds.
   * @param named existing objects that the session's trees name although it did not write them; may contain
   *   ids of the session. A collection that runs meanwhile does not remove them.
   * @throws SnapshotExpiredError when a collection has removed one of `named`
   */
  finish(outside?: Iterable<ObjectId>, named?: Iterable<ObjectId>): Promise<void>;

  /** Drops everything. Does nothing after `finish()` or a second time. */
  abort(): Promise<void>;
}

export interface RefEntry {
  /** Full name, for example `refs/heads/main`. */
  readonly ref: string;
  /** The object it points to; for an annotated tag the tag object, not the tagged one. */
  readonly id: ObjectId;
}

/** An existing ref without a readable value. */
export interface UnreadableRef {
  /** Full name; that of a directory of refs ends in `/`. */
  readonly ref: string;
  /**
   * `dangling`: a symbolic ref to a missing ref. `broken`: its content names no object, or the system
   * does not allow reading it, so it may name any object. `misnamed`: a file that a sync service or an
   * editor has left among the refs; no ref can have its name, and an id in it is kept by collections.
   */
  readonly kind: 'dangling' | 'broken' | 'misnamed';
  /** A short reason for messages. */
  readonly reason: string;
}

/**
 * The result of listing refs. An unreadable ref is not an absent one: a caller that deletes what `refs`
 * does not hold, or what no ref names, must get them by `requireAll` (refRules.ts).
 */
export interface RefListing {
  /** Sorted by name bytes. */
  readonly refs: readonly RefEntry[];
  readonly unreadable: readonly UnreadableRef[];
}

export interface RefUpdate {
  readonly ref: string;
  /**
   * The value it must have now; null: it must not exist; undefined: any. In a deletion null means that the
   * ref must have no value: it is broken, or leads to a missing ref.
   */
  readonly old?: ObjectId | null | undefined;
  /** The new value; null deletes the ref and its reflog. */
  readonly new: ObjectId | null;
  /** The line for the ref's reflog (and HEAD's, when HEAD names this ref). */
  readonly reflog?: ReflogMessage | undefined;
  /** For a new ref: starts its log with a copy of this ref's log. The same update may delete that ref. */
  readonly logOf?: string | undefined;
  /**
   * Truncates its log to the newest line, and removes the other lines from HEAD's log. A `logOf` of the
   * same update still copies the whole log. A storage may keep more.
   */
  readonly restartsLog?: boolean | undefined;
}

export interface ReflogMessage {
  readonly who: Identity;
  /** One line. */
  readonly message: string;
}

export interface ReflogEntry {
  /** Value before; null when the ref was created. */
  readonly old: ObjectId | null;
  /** Value after; null when the ref was deleted. */
  readonly new: ObjectId | null;
  readonly who: Identity;
  readonly message: string;
}

/** The value of HEAD: a branch's full ref name (the branch may not exist yet), or a commit. */
export type Head = { readonly ref: string } | { readonly id: ObjectId };

export interface RefStore {
  /**
   * The ref's value, following symbolic refs; undefined when it does not exist.
   * @throws CorruptObjectError when it is broken; UnreadableRefError when it cannot be read
   */
  get(ref: string): Promise<ObjectId | undefined>;

  /** Whether the name is taken, even by a broken ref or by a symbolic ref to a missing one. */
  has(ref: string): Promise<boolean>;

  /**
   * All refs whose names begin with `prefix`, and the unreadable ones among them.
   * @throws CorruptObjectError, UnreadableRefError for a file that holds many refs
   */
  list(prefix: string): Promise<RefListing>;

  /**
   * Moves refs atomically. Compares every `old` while the refs are locked against all other writers,
   * including Git. When it returns, every reader sees the new values, and they are on stable storage
   * where the durability is `full`.
   * @throws StaleSnapshotError when an `old` does not match (`ref` names the first such ref)
   * @throws LockTimeoutError when another process holds a lock too long
   * @throws InvalidRefNameError for a name that Git refuses, or one that collides (`a` and `a/b`)
   */
  update(updates: readonly RefUpdate[]): Promise<void>;

  /**
   * The refs among these that this store's settings protect from deletion by a push, with the reasons.
   * Without this method all may be deleted.
   */
  deniedDeletions?(refs: readonly string[]): Promise<ReadonlyMap<string, string>>;

  head(): Promise<Head>;

  /** Points HEAD at a branch by its full ref name. The branch need not exist. */
  setHead(ref: string): Promise<void>;

  /** The ref's log, newest first. Skips lines that cannot be parsed. */
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
  /** The memo; undefined when it is missing. @param name letters, digits and `-` */
  read(name: string): Uint8Array | undefined;

  /** Replaces the memo atomically. */
  replace(name: string, content: Uint8Array): void;
}

/** `full`: data is on stable storage before a call returns. `fast`: same order of writes, no fsync. */
export type Durability = 'full' | 'fast';

export interface Storage {
  /** Its location, for messages and `GitStore.path`. */
  readonly location: string;
  /** Its directory on this disk; absent when it is elsewhere. */
  readonly folder?: string | undefined;
  /** Equal (`===`) for two storages of one store, as when a repository is open twice. Not cached. */
  readonly identity: unknown;
  readonly objects: ObjectStore;
  readonly refs: RefStore;
  readonly memos: Memos;
  readonly upkeep: StorageUpkeep;
  /**
   * The value of a setting of git-config(1), such as `core.notesRef`; undefined when it is not set. A
   * storage without this method has no settings.
   */
  setting?(key: string): Promise<string | undefined>;
  /** All values of several settings, in the order of the configuration. Optional as `setting`. */
  settings?(keys: readonly string[]): Promise<readonly string[]>;
  /** Releases files, locks and threads. No method may be called afterwards. */
  close(): Promise<void>;
}
