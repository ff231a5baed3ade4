/** Errors about broken objects that name the object. */
import { CorruptObjectError } from '../../errors.ts';
import { hashObject, type ObjectId } from '../../git/objectId.ts';
import type { GitObject } from '../storage.ts';

/** Verifies, once for each object, that its bytes have that id. @throws CorruptObjectError */
export function verified(id: ObjectId, object: GitObject): GitObject {
  if (object.provenId === id) return object;
  if (hashObject(object.type, object.body) !== id) throw corrupt(id, 'its bytes have another id');
  object.provenId = id;
  return object;
}

export function corrupt(id: ObjectId, what: string, cause?: unknown): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is corrupt: ${what}`, { objectId: id, cause });
}

/** Adds the object's id to an error about the pack it is in. */
export function named(id: ObjectId, error: unknown): unknown {
  if (!(error instanceof CorruptObjectError) || error.objectId === id) return error;
  return new CorruptObjectError(`object ${id} is corrupt: ${error.message}`, {
    objectId: id,
    path: error.path,
    cause: error,
  });
}

export function isSystemError(error: unknown): boolean {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string';
}
