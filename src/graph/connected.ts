/**
 * Whether all that a pack's objects lead to will be there once the pack is: what `git fetch` and
 * `git receive-pack` make sure of before a ref moves (`check_connected` in Git's connected.c).
 *
 * The pack knows what its objects point to and it does not hold; only from there on the store has to
 * be walked, and no further than to what its refs lead to, which is complete.
 */
import { CorruptObjectError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { IncomingPack, ObjectReader } from '../storage/storage.ts';
import { reachable } from './reachable.ts';

export interface ConnectedOptions {
  /** Where refs are to point. */
  readonly tips: Iterable<ObjectId>;
  /** Where refs of the store point: all that these lead to is there. */
  readonly haves?: Iterable<ObjectId> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws CorruptObjectError that names an object that is missing or not of the type it should have */
export async function checkConnected(
  incoming: IncomingPack,
  options: ConnectedOptions,
): Promise<void> {
  const { objects } = incoming;
  const haves = new Set(options.haves);
  const wants = new Set<ObjectId>();
  for (const tip of options.tips) {
    if (incoming.holds(tip) || haves.has(tip)) continue;
    if (!(await objects.has(tip))) throw missing(tip);
    wants.add(tip);
  }
  for (const { id, type } of incoming.outside()) {
    if (haves.has(id)) continue;
    if (!(await objects.has(id))) throw missing(id);
    if (type !== 'blob') wants.add(id);
  }
  if (wants.size > 0) await checkComplete(objects, { ...options, tips: wants });
}

/**
 * Whether all that tips lead to is there.
 * @throws CorruptObjectError that names an object that is missing or not of the type it should have
 */
export async function checkComplete(
  objects: ObjectReader,
  { tips, haves = [], signal }: ConnectedOptions,
): Promise<void> {
  const found = await reachable(objects, { wants: tips, haves, signal });
  for (let position = 0; position < found.objects.count; position++) {
    // All others were read.
    if (found.objects.typeAt(position) !== 'blob') continue;
    const id = found.objects.idAt(position);
    if (!(await objects.has(id))) throw missing(id);
  }
}

function missing(id: ObjectId): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is missing: others lead to it`, { objectId: id });
}
