/** Work on a whole storage: measuring, packing, collecting garbage, checking. */

import type { ObjectId } from '../git/objectId.ts';

/** Bytes of an entry in a pack's index and its reverse index (gitformat-pack(5)). */
export const INDEX_ENTRY_BYTES = 32;

/** Contents of a storage, without those of alternates. */
export interface StorageSize {
  /** Number of objects; each copy counts. */
  readonly objects: number;
  /** Number of loose objects among them. */
  readonly looseObjects: number;
  readonly packs: number;
  /** Bytes of objects, packs and their indexes. */
  readonly bytes: number;
}

/** Progress of long work on a whole storage. */
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
   * Removes unreachable objects last used before this: milliseconds since the epoch, `Infinity` for all,
   * `-Infinity` for none. Default: the storage's setting, else 14 days ago.
   */
  readonly expire?: number | undefined;
  /** Runs in the background: a failure is recorded, and `isCrowded` then stays false for a while. */
  readonly automatic?: boolean | undefined;
}

export interface CollectionResult {
  /** Number of objects removed. */
  readonly pruned: number;
  /** Number of removed files of killed processes. */
  readonly temporaryFiles: number;
}

/** One fault of a storage. */
export interface StorageFault {
  /** The faulty object, file or ref: an id, a path below the storage, a full ref name. */
  readonly subject: string;
  /** Description of the fault. */
  readonly problem: string;
}

export interface CheckResult {
  /** Objects whose bytes were checked. */
  readonly objects: number;
  readonly packs: number;
  readonly refs: number;
  readonly reflogEntries: number;
  /** Objects that a partial clone lacks because its remote has them. They are no fault. */
  readonly promised: number;
  readonly faults: readonly StorageFault[];
}

/**
 * Work on a whole storage. All of it may run beside readers and writers of any process. Removes nothing
 * that is in use before its replacement is on stable storage.
 */
export interface StorageUpkeep {
  size(): Promise<StorageSize>;

  /** Bytes that these objects take in their present form, with their share of indexes. */
  bytesOf(ids: Iterable<ObjectId>): Promise<number>;

  /**
   * Combines loose objects and many small packs into one pack.
   * @throws LockTimeoutError when another process packs or collects
   */
  pack(options?: UpkeepOptions): Promise<void>;

  /**
   * Writes everything reachable from refs, their logs and HEADs into one well compressed pack, and removes
   * objects that have been unreachable for long enough.
   * @throws LockTimeoutError when another process packs or collects
   * @throws CorruptObjectError when a reachable object is missing or broken; nothing is removed then
   */
  collect(options?: CollectionOptions): Promise<CollectionResult>;

  /** Reads and checks everything. Returns faults in the result instead of throwing. */
  check(options?: UpkeepOptions): Promise<CheckResult>;

  /** Whether `collect` is due. An estimate that takes a few milliseconds at most. */
  isCrowded(): boolean;
}
