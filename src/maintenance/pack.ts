/** Packs a store: combines loose objects and small packs, and removes no objects. */
import type { Storage } from '../storage/storage.ts';
import type { StorageSize, UpkeepOptions, UpkeepProgress } from '../storage/storageUpkeep.ts';

export interface MaintenanceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called periodically. */
  readonly onProgress?: ((progress: MaintenanceProgress) => void) | undefined;
}

/** Progress: objects done in this phase, and in all. */
export type MaintenanceProgress = UpkeepProgress;

export interface PackResult {
  readonly before: StorageSize;
  readonly after: StorageSize;
}

/**
 * Combines loose objects and many small packs into one pack.
 * @throws LockTimeoutError when another process packs or collects
 */
export async function packStore(
  { upkeep }: Storage,
  options: MaintenanceOptions = {},
): Promise<PackResult> {
  const before = await upkeep.size();
  await upkeep.pack(upkeepOptions(options));
  return { before, after: await upkeep.size() };
}

export function upkeepOptions({ signal, onProgress }: MaintenanceOptions): UpkeepOptions {
  return { signal, onProgress };
}
