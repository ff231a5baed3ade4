import { isErrno } from './durable.ts';
import { existsSync, utimesSync } from './fs.ts';

/**
 * Gives a file that is about to be used again a new modification time, as Git does, so that a
 * collection does not take it for something long forgotten.
 * @returns false when the file is not there
 */
export function freshen(path: string): boolean {
  // Mostly it is new, and an error of the call below costs far more than a look.
  if (!existsSync(path)) return false;
  const now = Date.now() / 1000;
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    // Another user's file.
    if (!isErrno(error, 'EPERM', 'EACCES', 'EROFS')) throw error;
  }
  return true;
}
