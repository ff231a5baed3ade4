/**
 * Files that only gitstore makes in a repository. Another user may have prepared the repository, so none
 * of them is opened or made through a link, which could lead to any file of this user.
 */
import { isErrno, removeIfThere } from './durable.ts';
import { constants, lstatSync, writeFileSync } from './fs.ts';

/** Flags to open such a file: do not follow a link, and do not wait for the other end of a FIFO. */
export const NO_LINK = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const AS_NEW = { flag: 'wx' } as const;

/** Writes a new file. Removes an existing one of that name instead of writing to it. */
export function writeAnew(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content, AS_NEW);
  } catch (error) {
    // Left by a writer that died, or planted.
    if (!isErrno(error, 'EEXIST')) throw error;
    removeIfThere(path);
    writeFileSync(path, content, AS_NEW);
  }
}

/** Whether it is a link. */
export function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
