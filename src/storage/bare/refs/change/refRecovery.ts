/** Completes a change of several refs whose writer died in the middle (refTransaction.ts). */
import type { ObjectId } from '../../../../git/objectId.ts';
import { isErrno, removeIfThere, syncDirectoryNow } from '../../../disk/durable.ts';
import type { RefMove } from '../../locks/lockRecord.ts';
import { readLooseRef } from '../files/looseRefs.ts';
import { tryRemoveReflog } from '../files/reflogFile.ts';
import { diskPath, makeParent, parentName, removeEmptyParents } from '../files/refPaths.ts';
import { valueOrNone } from '../reading/resolveRef.ts';
import { PACKED_REFS_LOCK, type RefPlace } from './refPlace.ts';
import { pendingPackedRefs, pendingValue } from './refTransaction.ts';

/**
 * Completes the moves of a dead writer, whose reflog lines are written and whose lock files still exist.
 * Skips a ref whose value has changed since, that Git has locked since, or whose name is now taken.
 */
export function completeMoves(place: RefPlace, moves: readonly RefMove[]): void {
  const open = moves.filter((move) => isOpen(place, move));
  for (const move of open) if (move.new !== null) complete(place, move.ref, move.new);
  const deleted = open.filter((move) => move.new === null).map((move) => move.ref);
  if (deleted.length > 0) removeRefs(place, deleted);
  // Remove the record, even when the moves were complete: see `RefTransaction.#endMove`.
  const directories = new Set(moves.flatMap(({ ref }) => withParents(parentName(ref))));
  for (const name of directories) syncDirectoryNow(diskPath(place.gitDir, name));
  for (const ref of deleted) removeEmptyParents(place.gitDir, ref);
}

function removeRefs(place: RefPlace, refs: readonly string[]): void {
  const { gitDir, packed, lock } = place;
  if (!lock.tryMakeLockFile(PACKED_REFS_LOCK)) return;
  const target = packed.lockTarget();
  if ('blocked' in target) return;
  try {
    const packedRefs = pendingPackedRefs(place, new Set(refs));
    if (packedRefs !== undefined) {
      packedRefs.syncNow();
      packed.replaceBy(packedRefs);
      syncDirectoryNow(packed.directory);
    }
  } finally {
    if (target.lock !== undefined) removeIfThere(target.lock);
  }
  for (const ref of refs) {
    removeIfThere(diskPath(gitDir, ref));
    tryRemoveReflog(gitDir, ref);
  }
}

function withParents(directory: string): string[] {
  return directory === '' ? [''] : [directory, ...withParents(parentName(directory))];
}

function isOpen({ gitDir, packed, lock }: RefPlace, { ref, old, new: next }: RefMove): boolean {
  const now = valueOrNone(gitDir, packed, ref) ?? null;
  if (now !== old) return false;
  // Only a broken ref has no value and still has to be deleted.
  if (now === next && (next !== null || readLooseRef(gitDir, ref) === undefined)) return false;
  try {
    if (next !== null) makeParent(gitDir, ref);
    return lock.tryMakeLockFile(`${ref}.lock`);
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'EEXIST', 'ENOENT')) return false;
    throw error;
  }
}

function complete({ gitDir }: RefPlace, ref: string, next: ObjectId): void {
  const value = pendingValue(gitDir, 0, next);
  try {
    value.syncNow();
    value.moveTo(diskPath(gitDir, ref));
  } catch (error) {
    value.discard();
    if (!isErrno(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}
