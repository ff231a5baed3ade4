/**
 * File types: what a tree entry's mode means to a user. Git stores a mode with each entry
 * (`100644`, `100755`, `120000`, `040000`, `160000`); a gitlink (`160000`, a submodule) is shown as
 * a directory without entries, which is what Git checks out for it.
 */
import { GitStoreError } from '../errors.ts';
import {
  type FileMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_GITLINK,
  MODE_LINK,
  MODE_TREE,
} from '../git/objects/tree.ts';

export const FileType = {
  BLOB: 'blob',
  EXECUTABLE: 'executable',
  LINK: 'link',
  TREE: 'tree',
} as const;

/** A plain file, an executable file, a symbolic link, or a directory. */
export type FileType = (typeof FileType)[keyof typeof FileType];

/** The bits of a mode that say what kind of entry it is (S_IFMT). */
const KIND = 0o170000;

/** What an entry of this mode is to a user. Odd modes that old Gits wrote are understood too. */
export function fileTypeOf(mode: FileMode): FileType {
  switch (mode & KIND) {
    case MODE_LINK:
      return 'link';
    case MODE_TREE:
    case MODE_GITLINK:
      return 'tree';
    default:
      return (mode & 0o100) !== 0 ? 'executable' : 'blob';
  }
}

/** The mode that Git stores for an entry of this type. */
export function modeOf(type: FileType): FileMode {
  switch (type) {
    case 'blob':
      return MODE_FILE;
    case 'executable':
      return MODE_EXECUTABLE;
    case 'link':
      return MODE_LINK;
    case 'tree':
      return MODE_TREE;
  }
}

/**
 * The mode of a file or link as a caller gives it: a `FileType`, one of Git's modes, or plain
 * permission bits (`0o755`), of which, as in Git, only the owner's execute bit counts.
 * @throws GitStoreError (`EINVAL`) for a directory's mode and for anything else
 */
export function fileModeOf(mode: FileType | number): FileMode {
  if (typeof mode === 'string') {
    if (mode === 'blob' || mode === 'executable' || mode === 'link') return modeOf(mode);
  } else if (mode === MODE_LINK) {
    return MODE_LINK;
  } else if (Number.isInteger(mode) && mode >= 0) {
    const kind = mode & KIND;
    if ((kind === 0 || kind === 0o100000) && mode <= 0o107777) {
      return (mode & 0o100) !== 0 ? MODE_EXECUTABLE : MODE_FILE;
    }
  }
  const shown = typeof mode === 'number' ? `0o${mode.toString(8)}` : String(mode);
  throw new GitStoreError(`Not a mode of a file: ${shown}`, 'EINVAL');
}
