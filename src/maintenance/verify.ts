/** Checking a store: everything in it is read. */
import type { Storage } from '../storage/storage.ts';
import type { CheckResult, StorageFault } from '../storage/storageUpkeep.ts';
import { type MaintenanceOptions, upkeepOptions } from './pack.ts';

/** What was looked at, and what is wrong. */
export interface VerifyReport extends CheckResult {
  /** Whether there is no fault. */
  readonly ok: boolean;
  /** Empty when all is well. */
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
