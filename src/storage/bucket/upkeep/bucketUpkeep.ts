/** Work on a whole store in a bucket. */

import type { ObjectId } from '../../../git/objectId.ts';
import { DEFAULT_PRUNE_EXPIRE, parseExpiry } from '../../../git/repository/expiry.ts';
import { forgetDeleted } from '../../refRules.ts';
import type {
  CheckResult,
  CollectionOptions,
  CollectionResult,
  StorageSize,
  StorageUpkeep,
  UpkeepOptions,
} from '../../storageUpkeep.ts';
import type { PackEntry } from '../head/headRecord.ts';
import { underLease } from '../head/lease.ts';
import type { UpkeepContext } from './context.ts';

/** Keep a pack that is at least this many times as large as all smaller ones together. */
const TIER = 4;
/** With more packs than this the store counts as crowded. */
const MANY_PACKS = 24;

export class BucketUpkeep implements StorageUpkeep {
  readonly #context: UpkeepContext;

  constructor(context: UpkeepContext) {
    this.#context = context;
  }

  async size(): Promise<StorageSize> {
    const { packs, recent } = await this.#context.keeper.refresh();
    let objects = recent.length;
    let bytes = 0;
    for (const { data } of recent) bytes += data.length;
    for (const { count, size, index } of packs) {
      objects += count;
      bytes += size + index;
    }
    return { objects, looseObjects: recent.length, packs: packs.length, bytes };
  }

  async bytesOf(ids: Iterable<ObjectId>): Promise<number> {
    return this.#context.objects.storedBytes(ids);
  }

  async pack(options: UpkeepOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const { merge } = await import('./collect.ts');
    await underLease(this.#context, () => merge(this.#context, smallPacks, options));
  }

  collect(options: CollectionOptions = {}): Promise<CollectionResult> {
    return underLease(this.#context, () => this.#collect(options));
  }

  async #collect(options: CollectionOptions): Promise<CollectionResult> {
    options.signal?.throwIfAborted();
    const { collect, merge } = await import('./collect.ts');
    const { sweep } = await import('./sweep.ts');
    const { engine, refs, sweepInterval } = this.#context;
    let pruned = 0;
    if (options.automatic) {
      // Fewer packs help every reader. Reading the whole store is left to an explicit collection.
      await merge(this.#context, smallPacks, options);
    } else {
      const now = engine.environment.now();
      const expire = options.expire ?? parseExpiry(DEFAULT_PRUNE_EXPIRE, now);
      await forgetDeleted(refs, expire);
      pruned = await collect(this.#context, expire, options);
    }
    const swept = await sweep(this.#context, { interval: sweepInterval, signal: options.signal });
    return { pruned, temporaryFiles: swept ?? 0 };
  }

  async check(options: UpkeepOptions = {}): Promise<CheckResult> {
    const { checkStore } = await import('./check.ts');
    return checkStore(this.#context, options);
  }

  isCrowded(): boolean {
    const packs = this.#context.keeper.known?.packs ?? [];
    return packs.length > MANY_PACKS && smallPacks(packs).length > 1;
  }
}

/** The smallest packs, up to the first that is large compared with all before it (`TIER`). */
export function smallPacks(packs: readonly PackEntry[]): PackEntry[] {
  const sorted = packs.filter(({ kind }) => kind !== 'cruft').sort((a, b) => a.size - b.size);
  const chosen: PackEntry[] = [];
  let total = 0;
  for (const pack of sorted) {
    if (chosen.length > 1 && pack.size >= total * TIER) break;
    chosen.push(pack);
    total += pack.size;
  }
  return chosen;
}
