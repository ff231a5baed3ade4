/** The error for a referenced object that the storage lacks. */
import { CorruptObjectError, type GitStoreError, PromisedObjectError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { shellWord } from '../shellWord.ts';
import type { ObjectStore } from './storage.ts';

/**
 * @param what the kind of object: `Blob`, `Tree`
 * @param path its path in a snapshot
 */
export function missingObject(
  { promisor }: Pick<ObjectStore, 'promisor'>,
  id: ObjectId,
  what = 'object',
  path?: string,
): GitStoreError {
  const name = path === undefined ? `${what} ${id}` : `${what} ${id} (${path})`;
  if (promisor === undefined) {
    return new CorruptObjectError(`${name} is missing`, { objectId: id, path });
  }
  const { location, remote } = promisor;
  const message = `${name} is not here: the repository is a partial clone; to get all it left out, run: git -C ${shellWord(location)} fetch --refetch --no-filter ${shellWord(remote)}`;
  return new PromisedObjectError(message, { objectId: id, path });
}

/** Whether an object is not available: missing, broken, or absent from a partial clone. */
export function lacksObject(error: unknown): error is CorruptObjectError | PromisedObjectError {
  return error instanceof CorruptObjectError || error instanceof PromisedObjectError;
}
