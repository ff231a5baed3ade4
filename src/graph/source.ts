/** Reads objects for walks, synchronously where the store can, so that no step waits without need. */
import { CorruptObjectError } from '../errors.ts';
import type { ObjectType } from '../git/objectId.ts';
import type { IdSet } from '../git/objectSet.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { GitObject, ObjectReader } from '../storage/storage.ts';

/** The object at a position of a set, where the store has it synchronously. */
export function tryRead(store: ObjectReader, set: IdSet, position: number): GitObject | undefined {
  return store.tryRead(set.idAt(position));
}

/**
 * The object at a position of a set.
 * @throws CorruptObjectError when it is missing
 */
export async function readSlowly(
  store: ObjectReader,
  set: IdSet,
  position: number,
): Promise<GitObject> {
  const id = set.idAt(position);
  const object = await store.read(id);
  if (object === undefined) throw missingObject(store, id);
  return object;
}

/** @throws CorruptObjectError when the object is of another type than the object that names it says */
export function expectType(object: GitObject, type: ObjectType, set: IdSet, at: number): void {
  if (object.type === type) return;
  const id = set.idAt(at);
  throw new CorruptObjectError(`object ${id} is a ${object.type}, not a ${type}`, { objectId: id });
}
