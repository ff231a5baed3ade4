/** Collecting a store: everything that is needed into one good pack, and what is not needed goes. */
import { GitStoreError, LockTimeoutError } from '../errors.ts';
import { parseExpiry } from '../git/expiry.ts';
import type { Storage } from '../storage/storage.ts';
import { type MaintenanceOptions, type PackResult, upkeepOptions } from './pack.ts';

export interface GcOptions extends MaintenanceOptions {
  /**
   * What nothing refers to goes when it was last used before this moment. A date; `'now'`: all of it,
   * which nobody must be writing beside; `'never'`; or in Git's words, as `'2.weeks.ago'`. Default:
   * the store's `gc.pruneExpire`, else 14 days ago.
   */
  readonly prune?: Date | string | undefined;
  /**
   * Only when loose objects or packs have piled up (`gc.auto`, `gc.autoPackLimit`), and nobody else
   * is at it. A failure is kept in the file `gc.log`, and for a day no automatic one is tried again.
   */
  readonly auto?: boolean | undefined;
}

export interface GcResult extends PackResult {
  /** Objects that are gone for good. */
  readonly pruned: number;
  /** Files of killed processes that were removed. */
  readonly temporaryFiles: number;
}

/**
 * @param now milliseconds since the epoch
 * @throws GitStoreError (`EINVAL`) for a `prune` that names no moment
 * @throws LockTimeoutError when another process packs or collects
 * @throws CorruptObjectError when something that is needed is missing or broken; nothing is removed
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
  const moment = prune.getTime();
  if (Number.isNaN(moment)) throw new GitStoreError('prune is not a valid date', 'EINVAL');
  return moment;
}
