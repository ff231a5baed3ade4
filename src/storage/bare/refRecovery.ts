/** Completing a change of several refs whose writer died in the middle (refTransaction.ts). */
import type { ObjectId } from '../../git/objectId.ts';
import { isErrno, removeIfThere } from './durable.ts';
import type { RefMove } from './lockRecord.ts';
import { readLooseRef } from './looseRefs.ts';
import { tryRemoveReflog } from './reflogFile.ts';
import { diskPath, makeParent, removeEmptyParents } from './refPaths.ts';
import {
  PACKED_REFS_LOCK,
  pendingPackedRefs,
  pendingValue,
  type RefPlace,
} from './refTransaction.ts';
import { valueOrNone } from './resolveRef.ts';

/**
 * Completes the moves as their dead writer would have: its reflog lines are written, its lock files
 * are still there. A ref that no longer has the value it had then, that Git has locked since, or whose
 * name is no longer free, is left alone.
 */
export function completeMoves(place: RefPlace, moves: readonly RefMove[]): void {
  const open = moves.filter((move) => isOpen(place, move));
  for (const move of open) if (move.new !== null) complete(place, move.ref, move.new);
  const deleted = open.filter((move) => move.new === null).map((move) => move.ref);
  if (deleted.length === 0 || !place.lock.tryMakeLockFile(PACKED_REFS_LOCK)) return;
  const target = place.packed.lockTarget();
  if ('blocked' in target) return;
  try {
    const packedRefs = pendingPackedRefs(place, new Set(deleted));
    if (place.durability === 'full') packedRefs?.syncNow();
    if (packedRefs !== undefined) place.packed.replaceBy(packedRefs);
  } finally {
    if (target.lock !== undefined) removeIfThere(target.lock);
  }
  for (const ref of deleted) {
    removeIfThere(diskPath(place.gitDir, ref));
    tryRemoveReflog(place.gitDir, ref);
    removeEmptyParents(place.gitDir, ref);
  }
}

function isOpen({ gitDir, packed, lock }: RefPlace, { ref, old, new: next }: RefMove): boolean {
  const now = valueOrNone(gitDir, packed, ref) ?? null;
  if (now !== old) return false;
  // Only a broken ref has no value and is still to be deleted.
  if (now === next && (next !== null || readLooseRef(gitDir, ref) === undefined)) return false;
  try {
    if (next !== null) makeParent(gitDir, ref);
    return lock.tryMakeLockFile(`${ref}.lock`);
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'EEXIST', 'ENOENT')) return false;
    throw error;
  }
}

function complete({ gitDir, durability }: RefPlace, ref: string, next: ObjectId): void {
  const value = pendingValue(gitDir, 0, next);
  try {
    if (durability === 'full') value.syncNow();
    value.moveTo(diskPath(gitDir, ref));
  } catch (error) {
    value.discard();
    if (!isErrno(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}
