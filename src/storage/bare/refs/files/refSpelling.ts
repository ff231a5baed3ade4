/**
 * Refs on a disk that takes names for the same that differ in letter case, as most do on Windows and
 * macOS. There the file of `refs/heads/main` is found as `refs/heads/Main` too: without a look at how it
 * is spelled, a branch would have many names, and deleting one would delete another.
 */
import { isErrno } from '../../../disk/durable.ts';
import { lstatSync, readNamesSync } from '../../../disk/fs.ts';
import { diskPath } from './refPaths.ts';

/**
 * The ref, or the folder of refs, that is found under this name, where it has another one.
 * @param ref a full name below `refs/`
 */
export function otherSpelling(gitDir: string, ref: string): string | undefined {
  if (!foldsNames(gitDir)) return undefined;
  let found = '';
  for (const name of ref.split('/')) {
    const names = namesIn(diskPath(gitDir, found));
    const spelled = names.includes(name) ? name : names.find((other) => isSame(other, name));
    if (spelled === undefined) break;
    found = found === '' ? spelled : `${found}/${spelled}`;
  }
  return `${ref}/`.startsWith(`${found}/`) ? undefined : found;
}

function namesIn(directory: string): string[] {
  try {
    return readNamesSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function isSame(a: string, b: string): boolean {
  return folded(a) === folded(b);
}

function folded(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

const known = new Map<string, boolean>();
const MOST_KNOWN = 1000;

/** Whether the store's HEAD is found as `head`. */
function foldsNames(gitDir: string): boolean {
  let folds = known.get(gitDir);
  if (folds === undefined) {
    folds = lstatSync(diskPath(gitDir, 'head'), { throwIfNoEntry: false }) !== undefined;
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(gitDir, folds);
  }
  return folds;
}
