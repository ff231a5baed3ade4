/** Checks a store by reading everything in it. */
import type { Storage } from '../storage/storage.ts';
import type { CheckResult, StorageFault } from '../storage/storageUpkeep.ts';
import { type MaintenanceOptions, upkeepOptions } from './pack.ts';

/** What was checked, and the faults found. */
export interface VerifyReport extends CheckResult {
  /** Whether there is no fault. */
  readonly ok: boolean;
  /** Empty for a sound store. */
  readonly faults: readonly StorageFault[];
}

/** As thorough as `git fsck --strict`. Faults are in the report; it throws when reading itself fails. */
export async function verifyStore(
  { upkeep }: Storage,
  options: MaintenanceOptions = {},
): Promise<VerifyReport> {
  const result = await upkeep.check(upkeepOptions(options));
  return { ...result, ok: result.faults.length === 0 };
}
