/** The options with which a store is opened, and their checks. */
import { GitStoreError } from '../errors.ts';
import type { CacheOptions } from '../storage/bucket/cache/cacheFolder.ts';
import type { BucketRequest } from '../storage/bucket/engine/bucket.ts';
import type { Durability } from '../storage/storage.ts';
import type { CommitterOptions } from './context/context.ts';

/** Options for a store over any storage. */
export interface StoreOptions extends CommitterOptions {
  /**
   * First branch of a store without any refs: it gets an empty commit and becomes the current branch.
   * Default: the branch that HEAD names. Null: make no branch.
   */
  branch?: string | null | undefined;
}

/** Options for a store by its location. */
export interface OpenOptions extends StoreOptions {
  /**
   * Whether to create a missing repository, and the first branch of an empty one; default true.
   */
  create?: boolean | undefined;
  /** zlib level, 0 to 9. Saved as `core.compression` in a new repository. */
  compression?: number | undefined;
  /** Bytes. Larger blobs are never deltified. Saved as `core.bigFileThreshold` in a new repository. */
  bigFileThreshold?: number | undefined;
  /** `full` (default): on stable storage before a call returns. `fast`: no fsync. */
  durability?: Durability | undefined;
  /**
   * Whether to move branches that a working tree has checked out. The working tree's files are not
   * updated. Default false: `CheckedOutError`, unless the repository's `receive.denyCurrentBranch` allows it.
   */
  moveCheckedOut?: boolean | undefined;
  /** Called with the path when a missing repository was created. */
  onCreate?: ((path: string) => void) | undefined;
  /** On object storage: called after every request. */
  onRequest?: ((request: BucketRequest) => void) | undefined;
  /** On object storage: location and size limit of the local cache. */
  cache?: CacheOptions | undefined;
  /**
   * On object storage: milliseconds for which branches and tags read before count as current, which saves
   * a request per read; default 0. A change always compares with the newest refs.
   */
  maxAge?: number | undefined;
  /** On object storage: milliseconds without an answer after which it is unreachable; default 60,000. */
  deadline?: number | undefined;
}

/** What a storage is opened with. @throws GitStoreError (`EINVAL`) for a value out of range */
export function storageChoices(options: OpenOptions) {
  const { compression, bigFileThreshold, durability = 'full' } = options;
  checkRanges(compression, bigFileThreshold, durability);
  return {
    durability,
    ...(compression !== undefined && { compression }),
    ...(bigFileThreshold !== undefined && { bigFileThreshold }),
    ...(options.now !== undefined && { now: options.now }),
    onWarning: options.onWarning,
    moveCheckedOut: options.moveCheckedOut,
    onRequest: options.onRequest,
    cache: options.cache,
    deadline: options.deadline,
    maxAge: options.maxAge,
  };
}

/** Refuses values out of range. Git rejects a repository with such numbers in its configuration. */
function checkRanges(
  compression: number | undefined,
  bigFileThreshold: number | undefined,
  durability: Durability,
): void {
  const refuse = (what: string, value: unknown): never => {
    throw new GitStoreError(`${what}: ${value}`, 'EINVAL');
  };
  if (compression !== undefined && ![0, 1, 2, 3, 4, 5, 6, 7, 8, 9].includes(compression)) {
    refuse('compression must be a whole number from 0 to 9', compression);
  }
  if (
    bigFileThreshold !== undefined &&
    !(Number.isSafeInteger(bigFileThreshold) && bigFileThreshold >= 0)
  ) {
    refuse('bigFileThreshold must be a whole number of 0 or more', bigFileThreshold);
  }
  if (durability !== 'full' && durability !== 'fast') {
    refuse("durability must be 'full' or 'fast'", durability);
  }
}
