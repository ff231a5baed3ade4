/** What a repository that may not be written to says, wherever that is noticed first. */
import { PermissionError } from '../../errors.ts';
import { isErrno } from './durable.ts';

/**
 * Runs what makes a file or directory.
 * @param path something in the repository, or the repository
 * @throws PermissionError where that is not allowed; other errors as they are
 */
export function whileWritable<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
    const store = path.replace(/\/(objects|gitstore|logs|refs|gc\.pid(\.lock)?)(\/.*)?$/s, '');
    throw new PermissionError(`The store is read-only: ${store}`, { path: store, cause: error });
  }
}
