/** Collects a store: writes everything reachable into one pack, and removes the rest. */
import { GitStoreError, LockTimeoutError } from '../errors.ts';
import { parseExpiry } from '../git/repository/expiry.ts';
import type { Storage } from '../storage/storage.ts';
import { type MaintenanceOptions, type PackResult, upkeepOptions } from './pack.ts';

export interface GcOptions extends MaintenanceOptions {
  /**
   * Removes unreachable objects last used before this moment. A date; `'now'`: all of them, which is safe
   * only while no process writes; `'never'`; or Git's words, such as `'2.weeks.ago'`. Default: the
   * store's `gc.pruneExpire`, else 14 days ago.
   */
  readonly prune?: Date | string | undefined;
  /**
   * Collects only when there are many loose objects or packs (`gc.auto`, `gc.autoPackLimit`) and no other
   * collection runs. Records a failure in the file `gc.log`; no automatic collection runs for a day then.
   */
  readonly auto?: boolean | undefined;
}

export interface GcResult extends PackResult {
  /** Number of objects removed. */
  readonly pruned: number;
  /** Number of removed files of killed processes. */
  readonly temporaryFiles: number;
}

/**
 * @param now milliseconds since the epoch
 * @throws GitStoreError (`EINVAL`) for a malformed `prune`
 * @throws LockTimeoutError when another process packs or collects
 * @throws CorruptObjectError when a reachable object is missing or broken; nothing is removed then
 */
export async function collectStore(
  { upkeep }: Storage,
  options: GcOptions,
  now: number,
): Promise<GcResult> {
  const expire = momentOf(options.prune, now);
  const before = await upkeep.size();
  const nothing = { before, after: before, pruned: 0, temporaryFiles: 0 };
  if (options.auto && !upkeep.isCrowded()) return nothing;
  try {
    const wanted = { ...upkeepOptions(options), expire, automatic: options.auto };
    const { pruned, temporaryFiles } = await upkeep.collect(wanted);
    return { before, after: await upkeep.size(), pruned, temporaryFiles };
  } catch (error) {
    if (options.auto && error instanceof LockTimeoutError) return nothing;
    throw error;
  }
}

function momentOf(prune: Date | string | undefined, now: number): number | undefined {
  if (prune === undefined) return undefined;
  if (typeof prune === 'string') return parseExpiry(prune, now);
  const moment = prune instanceof Date ? prune.getTime() : Number.NaN;
  if (Number.isNaN(moment)) throw new GitStoreError('prune is not a valid date', 'EINVAL');
  return moment;
}
