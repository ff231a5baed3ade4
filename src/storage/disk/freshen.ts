import { isErrno } from './durable.ts';
import { existsSync, utimesSync } from './fs.ts';

/**
 * Updates the modification time of a file that is about to be reused, as Git does, so that a collection
 * does not treat it as old.
 * @returns false when the file is missing
 */
export function freshen(path: string): boolean {
  // Usually it is missing, and an error of the call below costs far more than this check.
  if (!existsSync(path)) return false;
  const now = Date.now() / 1000;
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    // The file belongs to another user.
    if (!isErrno(error, 'EPERM', 'EACCES', 'EROFS')) throw error;
  }
  return true;
}
