/** The error of a read-only repository. */
import { PermissionError } from '../../errors.ts';
import { isErrno } from './durable.ts';

/**
 * Runs a function that makes a file or directory.
 * @param path a path in the repository, or the repository
 * @throws PermissionError when that is not permitted; other errors unchanged
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
