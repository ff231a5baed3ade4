/**
 * Files that share blocks with others: on disks that support it (btrfs, XFS, APFS, ReFS), a forked folder
 * takes no space until one of the two changes.
 */
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import { isFileMode } from '../git/objects/tree.ts';
import { constants, copyFileSync, mkdirSync } from '../storage/disk/fs.ts';
import { isErrorOf, isSystemError } from '../systemFaults.ts';
import { joinDisk } from '../transfer/disk/diskFiles.ts';
import { diffTrees } from '../tree/diff.ts';
import { parentPath } from '../tree/paths.ts';
import type { TreeReader } from '../tree/reader.ts';

const CLONE = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE;

/** Error codes of systems that cannot share the blocks of two files. */
const NO_CLONES = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY', 'UNKNOWN'];

/**
 * Clones the files of a tree from one folder into a new one, as far as possible. A file may have changed
 * since it was stored, and files that cannot be cloned are skipped: a following copy of the tree compares
 * every file and completes the folder.
 */
export async function cloneFiles(
  trees: TreeReader,
  tree: ObjectId,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const made = new Set<string>();
  let count = 0;
  for await (const { path, new: entry } of diffTrees(trees, EMPTY_TREE_ID, tree)) {
    if (!isFileMode(entry!.mode)) continue;
    if (++count % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    try {
      const above = parentPath(path);
      if (!made.has(above)) mkdirSync(joinDisk(to, above), { recursive: true });
      made.add(above);
      copyFileSync(joinDisk(from, path), joinDisk(to, path), CLONE);
    } catch (error) {
      if (isErrorOf(error, ...NO_CLONES)) return;
      // The copy of the tree meets the same error and reports it.
      if (!isSystemError(error)) throw error;
    }
  }
}
