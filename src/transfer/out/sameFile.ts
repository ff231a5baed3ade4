/** Tells whether a file of the destination is the entry of a tree already. */
import { hashObject } from '../../git/objectId.ts';
import { MODE_LINK, type TreeEntry } from '../../git/objects/tree.ts';
import { fileTypeOf } from '../../tree/types.ts';
import type { FsPath } from '../disk/anchors.ts';
import { HAS_EXECUTE_BITS } from '../disk/diskFiles.ts';
import { hashLocalFile, readTarget } from '../disk/readLocal.ts';
import type { ScannedEntry } from '../record/scannedDirectory.ts';
import { MODE_NONE } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';

/**
 * Reads the file, unless its type, its size or what the record knows decides.
 * @param at its path on disk
 * @param size of the entry's blob in bytes, if known
 * @throws the system's error when the file cannot be read
 */
export async function isSameFile(
  at: FsPath,
  existing: ScannedEntry,
  { mode, id }: Pick<TreeEntry, 'mode' | 'id'>,
  run: CopyRun,
  size?: number,
): Promise<boolean> {
  if (existing.mode === MODE_NONE) return false;
  const [is, wanted] = [fileTypeOf(existing.mode), fileTypeOf(mode)];
  if (is !== wanted && (HAS_EXECUTE_BITS || is === 'link' || wanted === 'link')) return false;
  if (existing.id !== undefined) return existing.id === id;
  if (existing.mode === MODE_LINK) return hashObject('blob', readTarget(at)) === id;
  if (size !== undefined && existing.size !== size) return false;
  const reading = { mayGrow: false, onChunk: () => run.throwIfStopped() };
  return (await hashLocalFile(at, existing, false, reading)) === id;
}
