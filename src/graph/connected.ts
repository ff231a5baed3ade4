/**
 * Checks that everything reachable from a pack's objects exists once the pack is visible, as `git fetch`
 * and `git receive-pack` do before a ref moves (`check_connected` in Git's connected.c).
 *
 * The pack knows which referenced objects it lacks. The walk of the store starts from those, and stops at
 * objects reachable from its refs, which are complete.
 */
import { CorruptObjectError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { IncomingPack, ObjectReader } from '../storage/storage.ts';
import { reachable } from './reachable.ts';

export interface ConnectedOptions {
  /** New values of refs. */
  readonly tips: Iterable<ObjectId>;
  /** Values of the store's refs, from which everything reachable exists. */
  readonly haves?: Iterable<ObjectId> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws CorruptObjectError that names an object that is missing or has another type than expected */
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
 * Checks that everything reachable from tips exists.
 * @throws CorruptObjectError that names an object that is missing or not of the type it should have
 */
export async function checkComplete(
  objects: ObjectReader,
  { tips, haves = [], signal }: ConnectedOptions,
): Promise<void> {
  const found = await reachable(objects, { wants: tips, haves, signal });
  for (let position = 0; position < found.objects.count; position++) {
    // All other objects were read by the walk.
    if (found.objects.typeAt(position) !== 'blob') continue;
    const id = found.objects.idAt(position);
    if (!(await objects.has(id))) throw missing(id);
  }
}

function missing(id: ObjectId): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is missing: others lead to it`, { objectId: id });
}
