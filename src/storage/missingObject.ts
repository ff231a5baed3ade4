/** The error for an object that something leads to and that the storage does not have. */
import { CorruptObjectError, type GitStoreError, PromisedObjectError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { ObjectStore } from './storage.ts';

/**
 * @param what it is: `Blob`, `Tree`
 * @param path where it lies in a snapshot
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
  const message = `${name} is not here: the repository is a partial clone; to get all it left out, run: git -C ${quoted(location)} fetch --refetch --no-filter ${quoted(remote)}`;
  return new PromisedObjectError(message, { objectId: id, path });
}

/** Whether an object could not be had: it is missing, broken, or not here in a partial clone. */
export function lacksObject(error: unknown): error is CorruptObjectError | PromisedObjectError {
  return error instanceof CorruptObjectError || error instanceof PromisedObjectError;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
