/** `pack` and `collect` from their beginning to their end: lock, configuration, leftovers. */

import { join } from 'node:path';
import { DEFAULT_PRUNE_EXPIRE, parseExpiry } from '../../../git/repository/expiry.ts';
import { reasonOf } from '../../../systemFaults.ts';
import { removeIfThere } from '../../disk/durable.ts';
import { writeAnew } from '../../disk/ownFiles.ts';
import { share } from '../../disk/sharing.ts';
import { peel } from '../../peel.ts';
import { forgetDeleted } from '../../refRules.ts';
import type { CollectionOptions, CollectionResult, UpkeepOptions } from '../../storageUpkeep.ts';
import type { UpkeepPlace } from '../inventory/upkeepPlace.ts';
import { clearRemovals } from '../locks/holderLink.ts';
import { checkPrivateDirectory, PRIVATE_DIRECTORY } from '../locks/storeLock.ts';
import { listObjectDirectories } from '../objects/objectDirectories.ts';
import { BareObjects } from '../objects/objects.ts';
import { type CollectStep, collect } from './collect.ts';
import { gather } from './gather.ts';
import { lockCollection } from './gcLock.ts';
import { removeStalePrivate, removeStaleTemporaries } from './removal.ts';
import { writeMultiPackIndex } from './shortcuts/midx.ts';
import { readUpkeepConfig } from './upkeepConfig.ts';

/**
 * The store's own durability does not count: a collection may remove what was written with `full`, and the
 * replacement must not be less durable.
 */
const DURABILITY = 'full';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Age in milliseconds at which a temporary file counts as abandoned by its writer. */
const STALE = 24 * HOUR;
/** The same when everything unreachable is to be pruned now. */
const STALE_NOW = 10 * MINUTE;

export async function packRepository(place: UpkeepPlace, options: UpkeepOptions): Promise<void> {
  const { gitDir } = place;
  const { settings, bigFileThreshold, writeMultiPackIndex: isWanted } = readUpkeepConfig(gitDir);
  const { signal } = options;
  signal?.throwIfAborted();
  const unlock = lockCollection(gitDir);
  try {
    await gather({
      objectsDirs: listObjectDirectories(join(gitDir, 'objects')),
      durability: DURABILITY,
      settings,
      bigFileThreshold,
      signal,
      onProgress: reporter(options),
    });
    await writeMultiPackIndex(join(gitDir, 'objects'), DURABILITY, isWanted);
  } finally {
    unlock();
  }
}

export async function collectRepository(
  place: UpkeepPlace,
  options: CollectionOptions,
  onStep?: (step: CollectStep) => void,
): Promise<CollectionResult> {
  const { gitDir, refs, now } = place;
  const config = readUpkeepConfig(gitDir);
  const { signal } = options;
  const expire = config.keepsAll
    ? Number.NEGATIVE_INFINITY
    : (options.expire ?? parseExpiry(config.pruneExpire ?? DEFAULT_PRUNE_EXPIRE, now()));
  signal?.throwIfAborted();
  checkPrivateDirectory(gitDir);
  const unlock = lockCollection(gitDir);
  try {
    const objectsDir = join(gitDir, 'objects');
    const stale = expire === Number.POSITIVE_INFINITY ? STALE_NOW : STALE;
    const before = Date.now() - stale;
    const temporaryFiles =
      removeStaleTemporaries(objectsDir, before) +
      removeStalePrivate(join(gitDir, PRIVATE_DIRECTORY), before);
    clearRemovals(join(gitDir, 'gitstore.lock'));
    await forgetDeleted(refs, expire);
    const { pruned } = await collect({
      gitDir,
      objectsDirs: listObjectDirectories(objectsDir),
      refs,
      durability: DURABILITY,
      settings: config.settings,
      bigFileThreshold: config.bigFileThreshold,
      expire,
      writeCommitGraph: config.writeCommitGraph,
      writeMultiPackIndex: config.writeMultiPackIndex,
      signal,
      onProgress: reporter(options),
      onStep,
    });
    if (config.packRefs) await packRefs(place, signal);
    removeIfThere(join(gitDir, 'gc.log'));
    return { pruned, temporaryFiles };
  } catch (error) {
    // `git gc --auto` writes the same file, so the reason for a growing store is found in one place.
    if (options.automatic && !signal?.aborted) {
      const log = join(gitDir, 'gc.log');
      writeAnew(log, `error: ${reasonOf(error)}\n`);
      share(log);
    }
    throw error;
  } finally {
    unlock();
  }
}

/** Runs last, so that a locked ref does not prevent the collection. */
async function packRefs({ gitDir, refs }: UpkeepPlace, signal?: AbortSignal) {
  const objects = new BareObjects(gitDir, { durability: DURABILITY });
  try {
    await refs.pack(async (id) => (await peel(objects, id))?.id, signal);
  } finally {
    await objects.close();
  }
}

function reporter({ onProgress }: UpkeepOptions) {
  if (onProgress === undefined) return undefined;
  return (phase: 'count' | 'compress' | 'write', objects: number, totalObjects: number): void => {
    onProgress({ phase, objects, totalObjects });
  };
}
