/** Copies missing objects from one storage directly to another. */

import type { ObjectId } from '../git/objectId.ts';
import { checkConnected } from '../graph/connected.ts';
import { reachable } from '../graph/reachable.ts';
import type { Storage } from '../storage/storage.ts';
import type { TransferOptions } from './remote.ts';

/**
 * When it returns, `to` has everything reachable from `wants`.
 * @param haves values of the refs of `to`
 */
export async function transferObjects(
  from: Storage,
  to: Storage,
  wants: readonly ObjectId[],
  haves: readonly ObjectId[],
  options: TransferOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const { objects, known } = await reachable(from.objects, {
    wants,
    haves: await existing(from, haves),
    signal,
    onProgress: (found) => onProgress?.({ phase: 'counting', objects: found, bytes: 0 }),
  });
  if (objects.count === 0) return;
  const pack = from.objects.exportPack(objects, { known, signal });
  await to.objects.importPack(pack, {
    signal,
    check: (incoming) => checkConnected(incoming, { tips: wants, haves, signal }),
    onProgress: (progress) => onProgress?.({ phase: 'receiving', ...progress }),
  });
}

/** The objects among these that the storage has. */
export async function existing(
  storage: Storage,
  ids: Iterable<ObjectId>,
): Promise<readonly ObjectId[]> {
  const found: ObjectId[] = [];
  for (const id of new Set(ids)) if (await storage.objects.has(id)) found.push(id);
  return found;
}
