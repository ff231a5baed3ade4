/** Work on a storage as a whole: its size, packing, collecting what nothing needs, checking. */

import type { ObjectId } from '../git/objectId.ts';

/** Bytes of an entry in a pack's index and its reverse index (gitformat-pack(5)). */
export const INDEX_ENTRY_BYTES = 32;

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
  /** Runs in the background: a failure is recorded, and `isCrowded` then stays false for a while. */
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
  /** Objects of a partial clone that are not here: its remote has them. They are no fault. */
  readonly promised: number;
  readonly faults: readonly StorageFault[];
}

/**
 * Work on a storage as a whole. All of it may run beside readers and writers, of any process; nothing
 * that anybody needs is removed before its replacement is on stable storage.
 */
export interface StorageUpkeep {
  size(): Promise<StorageSize>;

  /** Bytes that these objects take as they lie now, with their share of indexes. */
  bytesOf(ids: Iterable<ObjectId>): Promise<number>;

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
