/**
 * Files that only gitstore makes in a repository. Someone else may have prepared the repository, so none
 * of them is opened or made through a link: it could lead to any file of the user.
 */
import { isErrno, removeIfThere } from './durable.ts';
import { constants, lstatSync, writeFileSync } from './fs.ts';

/** For opening such a file: neither through a link, nor waiting for the other end of a FIFO. */
export const NO_LINK = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const AS_NEW = { flag: 'wx' } as const;

/** Writes a file anew. What lies under its name goes, and is not written to. */
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
